// The panels: each is told a part of the picture and shows it.
"use strict";

// A table whose columns are [title, of a row → text, of a row → class].
function table(node, columns, empty) {
  const head = el("thead", {}, el("tr", {}, ...columns.map((each) => el("th", { scope: "col" }, each[0]))));
  const body = el("tbody");
  node.append(head, body);
  return (rows) => {
    if (!rows.length) { body.replaceChildren(el("tr", {}, el("td", { colspan: columns.length }, empty))); return; }
    if (body.firstElementChild && body.firstElementChild.children.length !== columns.length) body.replaceChildren();
    fill(body, rows, () => el("tr", {}, ...columns.map(() => el("td"))), (line, row) => {
      columns.forEach((each, i) => say(line.children[i], each[1](row), each[2] ? each[2](row) : ""));
    });
  };
}

const outside = (told) => {
  const net = number(told.net_delta);
  return net !== null && (net < told.lower || net > told.upper);
};

// Whether an underlying is hedged, in words.
function verdict(told) {
  if (number(told.net_delta) === null) {
    return ["bad", told.missing ? "unknown: no input of " + told.missing.join(", ") : "unknown"];
  }
  if (!outside(told)) return ["good", "inside its band"];
  const since = number(told.outside_seconds) || 0;
  return [since >= 10 ? "bad" : "warn", since < 1 ? "just outside" : `outside for ${lasting(since)}`];
}

function coinCards(box, choose) {
  return (coins, chosen) => {
    fill(box, Object.entries(coins), () => {
      const draw = gauge();
      const parts = { name: el("b"), price: el("span", { class: "soft number" }), net: el("span",
        { class: "net number" }), word: el("span", { class: "strong" }), draw };
      const card = el("button", { type: "button", role: "tab", "aria-controls": "coin" },
        el("span", { class: "coinline" }, parts.name, parts.price),
        el("span", { class: "coinline" }, parts.net, parts.word), draw({}));
      card.parts = parts;
      card.addEventListener("click", () => choose(card.dataset.coin));
      return card;
    }, (card, [name, told]) => {
      const { parts } = card;
      const [kind, word] = verdict(told);
      card.dataset.coin = name;
      card.setAttribute("aria-selected", String(name === chosen));
      card.tabIndex = name === chosen ? 0 : -1;
      say(parts.name, name);
      say(parts.price, price(told.price));
      say(parts.net, short(told.net_delta, true));
      say(parts.word, (kind === "good" ? "✓ " : "▲ ") + word +
        (told.state === "active" ? "" : ", " + words(told.state)), "strong " + kind);
      parts.draw(told);
    });
  };
}

function arrows(box, choose) {
  box.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const cards = [...box.children];
    const next = cards[(cards.indexOf(document.activeElement) + by + cards.length) % cards.length];
    next.focus();
    choose(next.dataset.coin);
  });
}

// The figures of one underlying.
function facts(box, name, told) {
  const gamma = number(told.gamma) === null || !told.price ? null : told.gamma * told.price / 100;
  const hedge = told.hedge || {};
  const rows = [
    ["Net delta", short(told.net_delta, true), name],
    ["Pending", short(told.pending, true), "orders under way, " + name],
    ["Band", number(told.lower) === null ? DASH : `${tidy(told.lower, true)} … ${tidy(told.upper, true)}`,
      "aim " + tidy(told.aim, true)],
    ["Index", price(told.price), "USD"],
    ["Gamma", short(gamma, true), `${name} a 1 % move`],
    ["Vega", short(told.vega, true), "USD a vol point"],
    ["Theta", short(told.theta, true), "USD a day"],
    ["Coins as cash", short(told.collateral, true), "delta of balances"],
    ["Worth", short(told.value), "USD"],
    ["First hedge", quantity(hedge.quantity), words(hedge.instrument)],
    ["Its funding", number(hedge.funding_per_day) === null ? DASH : num(hedge.funding_per_day * 1e4, 2, true),
      "bp a day" + (hedge.funding_per_day > 0 ? ", longs pay" : hedge.funding_per_day < 0 ? ", shorts pay" : "")],
  ];
  fill(box, rows, () => el("div", {}, el("dt"), el("dd", {}, el("span"), el("small"))), (tile, row) => {
    say(tile.children[0], row[0]);
    say(tile.children[1].children[0], row[1]);
    say(tile.children[1].children[1], row[2]);
  });
}

function decisionList(box, open) {
  return (rows) => {
    if (!rows.length) { box.replaceChildren(el("li", { class: "soft none" }, "none yet")); return; }
    if (box.querySelector(".none")) box.replaceChildren();
    fill(box, rows.slice().reverse(), () => {
      const button = el("button", { type: "button" }, el("span", { class: "number soft" }),
        el("b"), el("span"), el("span", { class: "reason" }), el("span", { class: "number" }));
      button.addEventListener("click", () => open(button.dataset.seq));
      return el("li", {}, button);
    }, (line, row) => {
      const button = line.firstElementChild;
      const [time, coin, action, reason, size] = button.children;
      const [kind, word] = actionOf(row);
      button.dataset.seq = row.seq;
      say(time, clock(row.ts));
      say(coin, row.underlying);
      say(action, word, kind === "sell" ? "sell-word" : kind);
      say(reason, words(row.reason));
      say(size, row.quantity === null ? "" : `${quantity(row.quantity)} at ${price(row.price)}`);
    });
  };
}

const RUNGS = { calm: "good", warn: "warn", widen: "warn", reduce: "bad", derisk: "bad", halt: "bad" };

function accountCards(box) {
  return (rows) => {
    if (!rows.length) {
      box.replaceChildren(el("p", { class: "note none" }, "No ladder is set in [guards.margin]: nobody watches."));
      return;
    }
    if (box.querySelector(".none")) box.replaceChildren();
    fill(box, rows, () => el("div", { class: "account" },
      el("p", { class: "split" }, el("b"), el("span", { class: "strong" })),
      el("div", { class: "bar", "aria-hidden": "true" }, el("i")),
      el("p", { class: "number" }), el("p", { class: "number" })), (card, row) => {
      const [head, bar, money, far] = card.children;
      const known = number(row.balance) !== null, kind = !known ? "bad" : RUNGS[row.rung] || "good";
      say(head.children[0], row.pool);
      say(head.children[1], !known ? "▲ nobody knows" : row.rung ? (kind === "good" ? "✓ " : "▲ ") + row.rung
        : "✓ nothing at risk", "strong " + kind);
      bar.hidden = money.hidden = !row.rung;
      bar.className = "bar " + kind;
      bar.firstElementChild.style.width = `${Math.min(100, (number(row.ratio) ?? 1) * 100)}%`;
      say(money, `margin ratio ${percent(row.ratio)}: ${tidy(row.maintenance)} of ${tidy(row.balance)} ${row.currency || ""}`);
      say(far, !known ? "the venue told no figures that count"
        : !row.rung ? `${tidy(row.balance)} ${row.currency}, none of it asked for`
          : number(row.distance) === null ? "no price liquidates it"
            : `liquidation ${percent(row.distance)} away` + (row.liquidation ? `: ${row.among} at ${price(row.liquidation)}` : "") +
              `, ${num(row.sigmas, 1)} deviations`, "number " + (kind === "good" ? "" : kind));
    });
  };
}

function positionTable(node, priceOf) {
  const greek = (name) => (row) => (name in row ? short(row[name], true) : "");
  const turns = (row) => {
    const now = number(priceOf(row.underlying));
    return number(row.gamma) === null || now === null ? "" : short(row.gamma * now / 100, true);
  };
  const carry = (row) => (number(row.carry_per_day) === null ? ""
    : `${num(row.carry_per_day, 2, true)} (${num(row.funding_per_day * 1e4, 2, true)} bp)`);
  const end = (row) => (number(row.liquidation) === null ? "" : price(row.liquidation) +
    (number(row.mark) ? ` (${percent(Math.abs(row.liquidation / row.mark - 1), 0)} off)` : ""));
  return table(node, [
    ["Instrument", (row) => row.instrument + (row.role === "hedge" ? " (hedge)" : "")],
    ["Quantity", (row) => quantity(row.quantity)],
    ["Delta", (row) => short(row.delta, true)],
    ["Gamma 1 %", turns],
    ["Vega", greek("vega")],
    ["Theta", greek("theta")],
    ["Mark", (row) => (number(row.mark) === null ? "" : price(row.mark))],
    ["Entry", (row) => (number(row.entry) === null ? "" : price(row.entry))],
    ["Profit", (row) => (number(row.open_profit) ? short(row.open_profit, true) : "")],
    ["Carry, USD a day", carry, (row) => (row.carry_per_day < 0 ? "bad" : "")],
    ["Liquidation", end],
  ], "nothing is held");
}

// How much of its limit each guard has used: a floor the other way round.
const FLOORS = ["margin", "margin_distance", "margin_sigmas"];
const FRACTIONS = ["collar", "plausibility", "margin", "spread", "basis", "divergence", "depeg", "funding",
  "margin_ratio", "margin_distance", "counterparty", "depth", "interest"];
const UNITS = { staleness: " s", margin_sigmas: " deviations", throttle: " a minute", leverage: " ×", turnover: " USD" };
function used(row) {
  const limit = number(row.limit), measured = number(row.measured);
  if (limit === null || measured === null) return null;
  if (FLOORS.includes(row.name)) return measured > 0 ? limit / measured : 1;
  return limit > 0 ? Math.abs(measured) / limit : 1;
}
function figure(row, value) {
  if (!FRACTIONS.includes(row.name)) return tidy(value) + (UNITS[row.name] || "");
  return number(value) === null ? DASH : tidy(Math.round(value * 1e4) / 100) + " %";
}

// "16.6 of 60 %": the unit stands once.
function against(row) {
  const limit = figure(row, row.limit), unit = limit.replace(/^[−+\d.,]+/, "");
  const measured = figure(row, row.measured);
  return `${unit && measured.endsWith(unit) ? measured.slice(0, -unit.length) : measured} ` +
    `${FLOORS.includes(row.name) ? "≥" : "of"} ${limit}`;
}
const refuses = (row) => row.allows !== null && row.reason !== null;

function guardList(box, note) {
  return (rows, coin) => {
    const place = (row) => row.scope.split(" "); // an account, and the coin whose price would move
    const mine = rows.filter((row) => row.scope === coin || (row.allows === null && (place(row)[1] || coin) === coin));
    const shown = mine.filter((row) => refuses(row) || used(row) !== null)
      .sort((one, other) => refuses(other) - refuses(one) || (used(other) || 0) - (used(one) || 0));
    const held = mine.filter(refuses);
    say(note, held.length ? `${held.length} would cut or refuse the next hedge of ${coin}.`
      : `All ${mine.length} pass the next hedge of ${coin}; those nearest to their limit first.`,
    held.length ? "note warn" : "note");
    fill(box, shown, () => el("li", { class: "meter" }, el("span"), el("div", { class: "bar", "aria-hidden": "true" }, el("i")),
      el("span", { class: "number" })), (line, row) => {
      const [name, bar, told] = line.children;
      const share = used(row), kind = refuses(row) ? "bad" : share >= 0.8 ? "warn" : "good";
      say(name, words(row.name) + (row.allows === null ? `, ${place(row)[0]}` : ""));
      bar.className = "bar " + kind;
      bar.firstElementChild.style.width = `${Math.min(100, (share === null ? 1 : share) * 100)}%`;
      const limit = share === null ? "" : against(row);
      say(told, refuses(row) ? `✕ ${words(row.reason)}` + (limit ? `, ${limit}` : "") : limit,
        "number " + (kind === "good" ? "" : kind));
    });
  };
}

const FEED_OLD = 10; // s without any top of book or index
function feedList(box) {
  return (feeds) => fill(box, Object.entries(feeds), () => el("li", { class: "split" }, el("b"), el("span", { class: "number" })),
    (line, [name, age]) => {
      say(line.children[0], name);
      say(line.children[1], age > FEED_OLD ? `▲ nothing new for ${lasting(age)}` : `${lasting(age)} old`,
        "number " + (age > FEED_OLD ? "bad strong" : "good"));
    });
}

function orderTable(node) {
  const loud = (row) => (row.state === "unknown" ? "bad strong" : row.open ? "warn" : "");
  return table(node, [
    ["State", (row) => (row.state === "unknown" ? "▲ UNKNOWN" : row.open ? `… ${row.state}` : row.state), loud],
    ["Sent", (row) => clock(row.sent_at)],
    ["Instrument", (row) => row.instrument],
    ["Quantity", (row) => quantity(row.quantity)],
    ["Filled", (row) => quantity(row.filled)],
    ["Order", (row) => row.client_order_id],
  ], "none yet");
}

function money(told) {
  const parts = Object.entries(told || {}).filter((each) => number(each[1]))
    .map(([name, amount]) => `${short(amount, true)} ${name}`);
  return parts.join(", ") || "0";
}

function counters(box, told) {
  const rows = [
    ["Profit and loss", number(told.pnl) === null ? "unknown" : `${num(told.pnl, 2, true)} USD`],
    ["Fees paid", money(told.fees)],
    ["Funding received", money(told.funding)],
    ["Orders, hedges", `${num(told.orders, 0)}, of which ${num(told.hedges, 0)} filled`],
    ["Refusals", num(told.refusals, 0) + (told.refusals ? ": " + Object.entries(told.reasons)
      .map(([name, count]) => `${words(name)} ${count}`).join(", ") : "")],
    ["Rejected, unknown", `${num(told.rejects, 0)}, ${num(told.unknowns, 0)} (${num(told.resolved, 0)} proven)`],
    ["Events", num(told.events, 0)],
  ];
  while (box.children.length > rows.length * 2) box.lastElementChild.remove();
  rows.forEach(([name, value], i) => {
    if (!box.children[i * 2]) box.append(el("dt"), el("dd"));
    say(box.children[i * 2], name);
    say(box.children[i * 2 + 1], value);
  });
}
