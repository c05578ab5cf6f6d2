// Net delta in its band over time: the band, its aim, the spread of each slot, hedges and refusals.
"use strict";
class Chart {
  constructor(box, read, chosen) {
    this.box = box;
    this.read = read;
    this.chosen = chosen; // called with the step of a mark that was chosen
    this.minutes = 60;
    this.rows = []; // [at s, low, high, last, lower, aim, upper, price], oldest first
    this.marks = [];
    this.at = null; // place of the crosshair, index of a row
    this.coin = "";
    this.wide = 10; // s of a slot
    new ResizeObserver(() => this.draw()).observe(box);
    box.addEventListener("pointermove", (event) => this.point(event.clientX));
    box.addEventListener("pointerdown", (event) => this.point(event.clientX));
    box.addEventListener("pointerleave", () => this.leave());
    box.addEventListener("blur", () => this.leave());
    box.addEventListener("keydown", (event) => this.step(event));
  }

  // Take the past of a coin as the daemon kept it, in place of what is known from there on.
  load(coin, told) {
    const c = told.columns;
    const rows = c.at.map((at, i) =>
      [at, c.low[i], c.high[i], c.last[i], c.lower[i], c.aim[i], c.upper[i], c.price[i]]);
    const first = rows.length ? rows[0][0] : 0;
    const known = coin === this.coin ? this.rows.filter((row) => row[0] < first) : [];
    if (coin !== this.coin) { this.marks = []; this.at = null; }
    this.coin = coin;
    this.wide = told.slot_seconds;
    this.rows = [...known, ...rows].slice(-2200);
    for (const each of told.marks) this.mark(each);
    this.marks.sort((one, other) => one.ts - other.ts);
    this.draw();
  }

  // The start of the last slot that is known, s.
  get until() { return this.rows.length ? this.rows[this.rows.length - 1][0] : 0; }

  clear(coin) { this.load(coin, { slot_seconds: this.wide, marks: [],
    columns: { at: [], low: [], high: [], last: [], lower: [], aim: [], upper: [], price: [] } }); }

  // Take what is so now; within a slot the least and the largest are kept. Return whether slots were
  // passed over, of which the daemon knows more.
  add(ns, told) {
    const net = number(told.net_delta);
    if (net === null || number(told.lower) === null) return false;
    const at = Math.floor(ns / 1e9 / this.wide) * this.wide;
    const last = this.rows[this.rows.length - 1];
    if (last && last[0] === at) {
      last[1] = Math.min(last[1], net);
      last[2] = Math.max(last[2], net);
      last.splice(3, 5, net, told.lower, told.aim, told.upper, told.price);
    } else if (!last || last[0] < at) {
      this.rows.push([at, net, net, net, told.lower, told.aim, told.upper, told.price]);
      if (this.rows.length > 2200) this.rows.shift();
      return Boolean(last) && at - last[0] > this.wide;
    }
    return false;
  }

  mark(decision) {
    if (!this.marks.some((each) => each.seq === decision.seq)) this.marks.push(decision);
    if (this.marks.length > 400) this.marks.shift();
  }

  window() {
    const end = this.rows.length ? this.rows[this.rows.length - 1][0] + this.wide : 0;
    const start = end - this.minutes * 60;
    let first = this.rows.findIndex((row) => row[0] >= start - this.wide);
    if (first < 0) first = 0;
    return { start, end, rows: this.rows.slice(first) };
  }

  draw() {
    const width = this.box.clientWidth, height = this.box.clientHeight;
    if (!width || !height) return;
    const { start, end, rows } = this.window();
    const plot = svg("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    if (!rows.length) {
      plot.append(svg("text", { x: width / 2, y: height / 2, "text-anchor": "middle" },
        "no net delta is known yet"));
      this.box.replaceChildren(plot);
      return;
    }
    const [least, most] = this.heights(rows);
    const left = 62, right = 12, top = 8, bottom = 24;
    // Where the past is shorter than what is asked for, it fills the width all the same.
    const begin = Math.max(start, rows[0][0]);
    const span = Math.max(end - begin, 60);
    const x = (s) => left + ((s - (end - span)) / span) * (width - left - right);
    const y = (v) => top + ((most - v) / (most - least)) * (height - top - bottom);
    this.scale = { x, rows };
    this.axes(plot, { x, y, least, most, end, span, width, height, left, right, bottom });
    plot.append(svg("clipPath", { id: "inside" }, svg("rect",
      { x: left, y: 0, width: width - left - right, height: height - bottom })));
    const body = svg("g", { "clip-path": "url(#inside)" });
    for (const part of this.parts(rows)) this.lines(body, part, x, y);
    plot.append(body);
    const last = rows[rows.length - 1];
    plot.append(svg("circle", { class: last[3] < last[4] || last[3] > last[6] ? "now bad" : "now",
      cx: x(last[0] + this.wide), cy: y(last[3]), r: 4 }));
    this.signs(plot, x, y, end - span);
    this.cut(plot, { x, least, most, rows, width, height, right, bottom });
    this.cross = svg("line", { class: "cross", y1: top, y2: height - bottom });
    this.cross.style.display = "none";
    plot.append(this.cross);
    this.box.replaceChildren(plot);
    this.box.setAttribute("aria-label", this.summary(rows, last));
    this.show();
  }

  // The least and the most that is shown. One wild moment must not press all others flat: what goes
  // far beyond the rest is cut off, and said so.
  heights(rows) {
    const sorted = (i) => rows.map((row) => row[i]).sort((a, b) => a - b);
    const lows = sorted(1), highs = sorted(2), last = rows[rows.length - 1];
    const edges = [Math.min(...rows.map((row) => row[4])), Math.max(...rows.map((row) => row[6]))];
    const wide = Math.max(edges[1] - edges[0], 1e-9);
    const usual = [lows[Math.floor(lows.length * 0.03)], highs[Math.ceil(highs.length * 0.97) - 1]];
    const floor = Math.min(edges[0] - wide / 2, usual[0], last[1]);
    const ceiling = Math.max(edges[1] + wide / 2, usual[1], last[2]);
    const least = Math.max(Math.min(lows[0], edges[0]), floor);
    const most = Math.min(Math.max(highs[highs.length - 1], edges[1]), ceiling);
    const pad = (most - least || 1e-6) * 0.1;
    return [least - pad, most + pad];
  }

  cut(plot, { x, least, most, rows, width, height, right, bottom }) {
    for (const [i, beyond, sign, at] of [[1, (v) => v < least, "▼", height - bottom - 6], [2, (v) => v > most, "▲", 18]]) {
      const found = rows.filter((row) => beyond(row[i]));
      if (!found.length) continue;
      const worst = found.reduce((one, other) => (Math.abs(other[i]) > Math.abs(one[i]) ? other : one));
      const px = Math.min(Math.max(x(worst[0] + this.wide / 2), 170), width - right - 110);
      plot.append(svg("text", { class: "cut", x: px, y: at, "text-anchor": "middle" },
        `${sign} as far as ${short(worst[i], true)} at ${clock(worst[0] * 1e9)}`));
    }
  }

  // Stretches without a gap: where nobody knew a net delta nothing is drawn.
  parts(rows) {
    const found = [];
    rows.forEach((row, i) => {
      if (!i || row[0] - rows[i - 1][0] > this.wide * 6) found.push([]);
      found[found.length - 1].push(row);
    });
    return found;
  }

  lines(body, rows, x, y) {
    const at = (row, i) => `${x(row[0] + this.wide).toFixed(1)} ${y(row[i]).toFixed(1)}`;
    const way = (i) => "M" + rows.map((row) => at(row, i)).join("L");
    const area = (low, high) => `${way(high)}L${rows.slice().reverse().map((row) => at(row, low)).join("L")}Z`;
    body.append(svg("path", { class: "band", d: area(4, 6) }),
      svg("path", { class: "edge", d: way(4) }), svg("path", { class: "edge", d: way(6) }),
      svg("path", { class: "aim", d: way(5) }), svg("path", { class: "spread", d: area(1, 2) }),
      svg("path", { class: "line", d: way(3) }));
  }

  axes(plot, told) {
    const { x, y, least, most, end, span, width, height, left, right, bottom } = told;
    const step = nice((most - least) / 5);
    for (let v = Math.ceil(least / step) * step; v <= most; v += step) {
      const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
      plot.append(svg("line", { class: "grid", x1: left, x2: width - right, y1: y(v), y2: y(v) }),
        svg("text", { x: left - 8, y: y(v) + 4, "text-anchor": "end" }, num(v, digits, true)));
    }
    const room = Math.max(2, Math.floor((width - left) / 90));
    const every = [10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200].find((s) => span / s <= room) || 14400;
    for (let s = Math.ceil((end - span) / every) * every; s <= end; s += every) {
      if (x(s) < left + 4 || x(s) > width - right) continue;
      plot.append(svg("line", { class: "grid", x1: x(s), x2: x(s), y1: 8, y2: height - bottom }),
        svg("text", { x: Math.min(x(s), width - right - 20), y: height - 7, "text-anchor": "middle" },
          clock(s * 1e9, every < 60)));
    }
  }

  signs(plot, x, y, begin) {
    for (const told of this.marks) {
      const s = told.ts / 1e9;
      if (s < begin || told.action === "withdraw" || number(told.net_delta) === null) continue;
      const px = x(s), py = Math.min(this.box.clientHeight - 34, Math.max(12, y(told.net_delta)));
      const sign = told.action === "refuse"
        ? svg("path", { class: "refuse", d: `M${px - 4} ${py - 4}l8 8m0 -8l-8 8` })
        : number(told.quantity) > 0
          ? svg("path", { class: "buy", d: `M${px} ${py - 7}l6 11h-12z` })
          : svg("path", { class: "sell", d: `M${px} ${py + 7}l6 -11h-12z` });
      const group = svg("g", { class: "mark" }, sign, svg("title", {},
        `${clock(told.ts)} ${actionOf(told)[1]} ${quantity(told.quantity)} ${words(told.reason)}`));
      group.addEventListener("click", () => this.chosen(told.seq));
      plot.append(group);
    }
  }

  summary(rows, last) {
    const out = rows.filter((row) => row[1] < row[4] || row[2] > row[6]).length * this.wide;
    return `Net delta of ${this.coin} in its band: now ${short(last[3], true)}, band ` +
      `${short(last[4], true)} to ${short(last[6], true)}; at some moment outside in slots of ` +
      `${lasting(out)} together of those shown. Left and right arrows read single moments.`;
  }

  point(clientX) {
    if (!this.scale) return;
    const px = clientX - this.box.getBoundingClientRect().left;
    const { x, rows } = this.scale;
    let best = 0;
    rows.forEach((row, i) => {
      if (Math.abs(x(row[0] + this.wide) - px) < Math.abs(x(rows[best][0] + this.wide) - px)) best = i;
    });
    this.at = rows[best][0];
    this.show();
  }

  step(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, Home: -1e6, End: 1e6 }[event.key];
    if (!by || !this.scale) return;
    event.preventDefault();
    const { rows } = this.scale;
    const now = this.at === null ? rows.length - 1 : rows.findIndex((row) => row[0] === this.at);
    this.at = rows[Math.min(rows.length - 1, Math.max(0, (now < 0 ? rows.length - 1 : now) + by))][0];
    this.read.setAttribute("aria-live", "polite");
    this.show();
  }

  leave() {
    this.at = null;
    this.read.setAttribute("aria-live", "off");
    this.show();
  }

  show() {
    const row = this.at === null || !this.scale ? null : this.scale.rows.find((each) => each[0] === this.at);
    if (!this.cross) return;
    this.cross.style.display = row ? "" : "none";
    if (!row) { say(this.read, "Point at the chart, or use the arrow keys, to read a moment."); return; }
    const x = this.scale.x(row[0] + this.wide);
    this.cross.setAttribute("x1", x);
    this.cross.setAttribute("x2", x);
    const spread = row[2] - row[1] > 1e-9 ? ` (${short(row[1], true)} to ${short(row[2], true)})` : "";
    say(this.read, `${clock((row[0] + this.wide) * 1e9)}  net ${short(row[3], true)}${spread}  band ` +
      `${short(row[4], true)} to ${short(row[6], true)}  aim ${short(row[5], true)}  price ${price(row[7])}`);
  }
}

function nice(rough) {
  const ten = 10 ** Math.floor(Math.log10(rough));
  return ten * ([1, 2, 5].find((each) => each * ten >= rough) || 10);
}

// The key of the chart: each sign beside its word.
function key(box) {
  const sign = (...parts) => svg("svg", { viewBox: "0 0 22 12", class: "plot", "aria-hidden": "true" }, ...parts);
  const rows = [
    [sign(svg("path", { class: "line", d: "M1 8L8 4L14 7L21 3" })), "net delta"],
    [sign(svg("rect", { class: "spread", x: 1, y: 2, width: 20, height: 8 })), "least and largest of 10 s"],
    [sign(svg("rect", { class: "band", x: 1, y: 1, width: 20, height: 10 }),
      svg("path", { class: "edge", d: "M1 1H21M1 11H21" })), "band"],
    [sign(svg("path", { class: "aim", d: "M1 6H21" })), "aim"],
    [sign(svg("path", { class: "buy", d: "M11 0l6 11h-12z" })), "hedge buys"],
    [sign(svg("path", { class: "sell", d: "M11 12l6 -11h-12z" })), "hedge sells"],
    [sign(svg("path", { class: "refuse", d: "M7 2l8 8m0 -8l-8 8" })), "refused"],
  ];
  box.replaceChildren(...rows.map(([drawn, word]) => el("span", {}, drawn, word)));
}
