// Why: a decision with its inputs, its guards and what came of it, from the journal.
"use strict";
function grid(head, rows) {
  const node = el("table");
  table(node, head, "none")(rows);
  return el("div", { class: "scroll", tabindex: "0" }, node);
}

const VALUES = ["price", "bid", "ask", "vol", "forward", "rate_per_day", "balance", "maintenance", "points", "worst", "slope"];
const old = (row) => number(row.age_seconds) === null ||
  (number(row.limit_seconds) !== null && row.age_seconds > row.limit_seconds);

function whyDecision(told, restsOn) {
  const [, word] = actionOf({ ...told, quantity: told.allowed });
  const asked = told.wanted !== null && told.wanted !== told.allowed ? `, ${quantity(told.wanted)} wanted` : "";
  const parts = [
    el("p", { class: "lead" }, `${told.underlying}: ${word}, ${words(told.reason)}`),
    el("p", { class: "number" }, `${day(told.ts)} ${clock(told.ts)} UTC, step ${told.sequence}. Net delta ` +
      `${short(told.net_delta, true)}, pending ${short(told.pending, true)}, band ${short(told.lower, true)} to ` +
      `${short(told.upper, true)}, aim ${short(told.aim, true)}.`),
  ];
  if (told.instrument) {
    parts.push(el("p", { class: "number" }, `${quantity(told.allowed)} ${told.instrument}` +
      (told.limit_price ? ` at ${price(told.limit_price)} or better` : "") + asked + "."));
  }
  const verdicts = told.verdicts || [];
  const caps = verdicts.filter((each) => each.reason !== null);
  if (verdicts.length) {
    parts.push(el("h3", {}, caps.length ? "Guards that cut or refused it" : `All ${verdicts.length} guards let it pass`));
    const shown = (caps.length ? caps : verdicts).map((each) => ({ ...each, name: each.guard }));
    parts.push(grid([["Guard", (row) => words(row.guard)], ["Said", (row) => (row.reason ? `✕ ${words(row.reason)}` : "✓ passes"),
      (row) => (row.reason ? "bad" : "good")], ["Measured", (row) => (number(row.measured) === null ? "" : figure(row, row.measured))],
    ["Limit", (row) => (number(row.limit) === null ? "" : figure(row, row.limit))], ["Of", (row) => row.subject || ""]], shown));
  }
  if ((told.weighed || []).length) {
    parts.push(el("h3", {}, "What each leg would cost"), grid([["Instrument", (row) => row.instrument],
      ["Fee", (row) => percent(row.fee, 4)], ["Half spread", (row) => percent(row.half_spread, 4)],
      ["Impact", (row) => percent(row.impact, 4)], ["Funding", (row) => percent(row.funding, 4)],
      ["Margin", (row) => percent(row.margin, 4)]], told.weighed));
  }
  if (!restsOn) return [...parts, el("p", { class: "note" }, "The journal kept no inputs of this decision.")];
  parts.push(el("h3", {}, "Inputs"), grid([["Input", (row) => `${words(row.kind)} ${row.subject}`],
    ["Value", (row) => VALUES.filter((name) => number(row[name]) !== null)
      .map((name) => `${words(name)} ${name === "rate_per_day" ? basis(row[name]) : short(row[name])}`).join(", ")],
    ["Age", (row) => (number(row.age_seconds) === null ? "never told" : lasting(row.age_seconds)), (row) => (old(row) ? "bad" : "")],
    ["May be", (row) => (number(row.limit_seconds) === null ? "" : lasting(row.limit_seconds))]], restsOn.inputs));
  parts.push(el("h3", {}, "Holdings"), grid([["Instrument", (row) => row.instrument], ["Quantity", (row) => quantity(row.quantity)],
    ["Delta", (row) => short(row.delta, true)]], restsOn.holdings));
  for (const each of restsOn.orders) parts.push(el("p", { class: "warn" }, `${each.client_order_id} was open: ${each.state}`));
  return parts;
}

function whyBody(told) {
  const parts = [];
  if (told.decision) parts.push(...whyDecision(told.decision, told.rests_on[told.decision.underlying]));
  else parts.push(el("p", {}, "The decision was pruned; what was sent and what came back is kept."));
  if (told.order) {
    parts.push(el("h3", {}, `What came of ${told.order.client_order_id}`));
    const back = [...told.sent, ...told.events].sort((one, other) => one.at - other.at);
    parts.push(grid([["Time", (row) => clock(row.at)], ["What", (row) => row.type || "order"],
      ["Quantity", (row) => quantity(row.quantity ?? row.filled)], ["Price", (row) => price(row.price)],
      ["Reason", (row) => words(row.reason || "")]], back));
  }
  for (const other of told.others) {
    parts.push(el("h3", {}, "In the same step"), ...whyDecision(other, told.rests_on[other.underlying]));
  }
  return parts;
}
