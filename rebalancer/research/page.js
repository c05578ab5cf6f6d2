// Draws the charts of a page, in the colours of the theme, with one axis of time for all.
"use strict";
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 40rem)");
  const touch = matchMedia("(pointer: coarse)");
  const charts = [];
  const span = [Infinity, -Infinity]; // of time, over all charts, ms
  let chosen = null; // "dark" or "light" once a reader chose; until then the system's

  // "@blue" is the colour of that name, "@blue 0.2" a thin coat of it.
  function paint(told, colours) {
    if (typeof told === "string" && told.startsWith("@")) {
      const [name, share] = told.slice(1).split(" ");
      const colour = colours.getPropertyValue("--" + name).trim();
      if (!share) return colour;
      return colour + Math.round(255 * Number(share)).toString(16).padStart(2, "0");
    }
    if (Array.isArray(told)) {
      return typeof told[0] === "number" ? told : told.map((each) => paint(each, colours));
    }
    if (told && typeof told === "object") {
      return Object.fromEntries(
        Object.entries(told).map(([key, value]) => [key, paint(value, colours)]));
    }
    return told;
  }

  function axis(own, share) {
    return {
      gridcolor: "@grid", zerolinecolor: "@zero", linecolor: "@line", automargin: true,
      fixedrange: share, tickfont: { size: narrow.matches ? 10 : 12 }, title: { standoff: 6 },
      ...own,
    };
  }

  function layout(chart) {
    const own = chart.told.layout;
    const whole = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
      font: { family: getComputedStyle(document.body).fontFamily, color: "@soft", size: 12 },
      margin: { l: narrow.matches ? 48 : 66, r: 16, t: 14, b: 30, pad: 2 }, hovermode: "x unified",
      hoverlabel: { bgcolor: "@card", bordercolor: "@line", align: "left",
        font: { color: "@ink", size: narrow.matches ? 11 : 12 } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: "@grey", activecolor: "@ink" },
      dragmode: touch.matches ? false : "zoom", uirevision: "kept", ...own,
    };
    for (const name of ["xaxis", "yaxis", "yaxis2"]) {
      if (own[name] || name !== "yaxis2") {
        whole[name] = axis(own[name] || {}, touch.matches || name !== "xaxis");
      }
    }
    if (chart.timed) {
      Object.assign(whole.xaxis, { type: "date", hoverformat: "%Y-%m-%d %H:%M:%S UTC",
        nticks: narrow.matches ? 5 : 10, tickangle: 0, range: [...span] });
    }
    return whole;
  }

  function draw(chart) {
    const colours = getComputedStyle(root);
    const [traces, shape] = paint([chart.told.traces, layout(chart)], colours);
    traces.forEach((trace, place) => { trace.visible = chart.shown[place] ? true : "legendonly"; });
    const options = { responsive: true, displaylogo: false, displayModeBar: "hover",
      modeBarButtons: [["zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]] };
    if (narrow.matches || touch.matches) options.displayModeBar = false;
    for (const [place, mark] of chart.marks) {
      const trace = traces[place];
      mark.style.background = traceColour(trace);
      if (trace.mode === "markers") mark.className = trace.marker.symbol;
      else if (trace.line && trace.line.dash !== "solid") mark.className = trace.line.dash || "";
    }
    return Plotly.react(chart.box, traces, shape, options);
  }

  function traceColour(trace) {
    const fill = trace.fillcolor;
    const from = trace.line && trace.line.color && trace.mode !== "markers" ? trace.line.color : null;
    const marker = trace.marker && typeof trace.marker.color === "string" ? trace.marker.color : null;
    return from && from !== "rgba(0,0,0,0)" ? from : fill || marker || "currentColor";
  }

  // A legend that wraps, is read aloud, and switches its lines with a key as with a finger.
  function legend(chart) {
    const box = document.createElement("div");
    box.className = "legend";
    const groups = new Map();
    chart.told.traces.forEach((trace, place) => {
      if (!trace.name) return;
      const group = trace.legendgroup || trace.name;
      if (groups.has(group)) { groups.get(group).push(place); return; }
      groups.set(group, [place]);
      const button = document.createElement("button");
      const mark = document.createElement("i");
      button.type = "button";
      button.setAttribute("aria-pressed", String(chart.shown[place]));
      button.append(mark, trace.name);
      button.addEventListener("click", () => {
        const shown = !chart.shown[place];
        for (const each of groups.get(group)) chart.shown[each] = shown;
        button.setAttribute("aria-pressed", String(shown));
        draw(chart);
      });
      chart.marks.push([place, mark]);
      box.append(button);
    });
    if (groups.size > 1) chart.box.before(box);
  }

  let moving = false;
  function together(source, change) {
    if (moving || !source.timed) return;
    const range = change["xaxis.range[0]"] !== undefined
      ? [change["xaxis.range[0]"], change["xaxis.range[1]"]] : change["xaxis.range"];
    const whole = change["xaxis.autorange"];
    if (range === undefined && !whole) return;
    moving = true;
    const told = { "xaxis.range": whole ? [...span] : range }; // all there is, in each the same
    const others = charts.filter((each) => each.timed && (whole || each !== source));
    Promise.all(others.map((each) => Plotly.relayout(each.box, told)))
      .finally(() => { moving = false; });
  }

  function theme() {
    root.dataset.theme = chosen || (dark.matches ? "dark" : "light");
    const button = document.getElementById("theme");
    button.textContent = root.dataset.theme === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to ${button.textContent.toLowerCase()} colours`);
    return Promise.all(charts.map(draw));
  }

  document.getElementById("theme").addEventListener("click", () => {
    chosen = root.dataset.theme === "dark" ? "light" : "dark";
    theme();
  });
  for (const box of document.querySelectorAll(".chart")) {
    const told = JSON.parse(box.nextElementSibling.textContent);
    const shown = told.traces.map((trace) => trace.visible !== "legendonly");
    const chart = { box, told, shown, timed: box.dataset.axis === "time", marks: [] };
    charts.push(chart);
    legend(chart);
    if (!chart.timed) continue;
    for (const trace of told.traces) {
      for (const x of trace.x) {
        span[0] = Math.min(span[0], x);
        span[1] = Math.max(span[1], x);
      }
    }
  }
  const edge = (span[1] - span[0]) / 100;
  span[0] -= edge;
  span[1] += edge;
  theme().then(() => {
    for (const chart of charts) chart.box.on("plotly_relayout", (how) => together(chart, how));
    for (const media of [dark, narrow, touch]) media.addEventListener("change", theme);
    root.dataset.drawn = String(charts.length);
  });
})();
