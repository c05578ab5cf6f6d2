// Where a net delta stands in its band, as one line: the band is the middle half.
"use strict";
function gauge() {
  const box = svg("svg", { class: "gauge", viewBox: "0 0 200 22", preserveAspectRatio: "none",
    "aria-hidden": "true" });
  const dot = svg("rect", { class: "dot", y: 3, width: 4, height: 16, rx: 1 });
  const aim = svg("line", { class: "aim", y1: 3, y2: 19 });
  box.append(svg("line", { class: "base", x1: 0, x2: 200, y1: 11, y2: 11 }),
    svg("rect", { class: "in", x: 50, width: 100, y: 6, height: 10, rx: 2 }), aim, dot);
  return (told) => {
    const [net, low, high, mid] = [told.net_delta, told.lower, told.upper, told.aim].map(number);
    const known = net !== null && low !== null && high !== null;
    dot.style.display = aim.style.display = known ? "" : "none";
    if (!known) return box;
    const at = (x) => 50 + 100 * ((x - low) / (high - low || 1e-9));
    const held = Math.min(196, Math.max(0, at(net) - 2));
    dot.setAttribute("x", held.toFixed(1));
    dot.setAttribute("class", net < low || net > high ? "dot bad" : "dot");
    aim.setAttribute("x1", at(mid).toFixed(1));
    aim.setAttribute("x2", at(mid).toFixed(1));
    return box;
  };
}
