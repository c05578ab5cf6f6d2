// Words and numbers as a person reads them, and elements without markup.
"use strict";
const DASH = "–";

// Return an element; children are elements or texts, and a text never becomes markup.
function el(tag, told = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(told)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((each) => each != null));
  return made;
}

function svg(tag, told = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(told)) if (value != null) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const $ = (id) => document.getElementById(id);

// Change a text only where it is another: what stands still is neither drawn nor read anew.
function say(node, text, kind) {
  if (node.textContent !== text) node.textContent = text;
  if (kind !== undefined && node.className !== kind) node.className = kind;
}

function number(value) {
  if (value === null || value === undefined || value === "") return null;
  const told = Number(value);
  return Number.isFinite(told) ? told : null;
}

// A number with so many digits behind the point; a minus is a minus.
function num(value, digits, signed) {
  const told = number(value);
  if (told === null) return DASH;
  const text = Math.abs(told).toLocaleString("en-US",
    { minimumFractionDigits: digits, maximumFractionDigits: digits });
  if (!/[1-9]/.test(text)) return text;
  return (told < 0 ? "−" : signed ? "+" : "") + text;
}

// A number as short as it tells something, four digits or so.
function short(value, signed) {
  const told = number(value);
  if (told === null) return DASH;
  const size = Math.abs(told);
  return num(told, size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4, signed);
}

// A number without noughts at its end: what somebody set.
function tidy(value, signed) {
  const told = number(value);
  if (told === null) return DASH;
  const large = Math.abs(told) >= 1e6 ? { notation: "compact" } : {};
  const text = Math.abs(told).toLocaleString("en-US", { maximumSignificantDigits: 4, ...large });
  return (told < 0 ? "−" : signed && told ? "+" : "") + text;
}

// A quantity as the venue counts, without noughts at its end.
function quantity(value) {
  const told = number(value);
  if (told === null) return DASH;
  const text = Math.abs(told).toLocaleString("en-US", { maximumFractionDigits: 8 });
  return (told < 0 ? "−" : "+") + text;
}

function price(value) {
  const told = number(value);
  if (told === null) return DASH;
  return told.toLocaleString("en-US", { maximumFractionDigits: Math.abs(told) < 10 ? 5 : 2 });
}

const percent = (value, digits = 1) =>
  number(value) === null ? DASH : num(number(value) * 100, digits) + " %";
const basis = (value) =>
  number(value) === null ? DASH : num(number(value) * 1e4, 2, true) + " bp a day";
const words = (value) => (value ? String(value).replaceAll("_", " ") : DASH);

function clock(ns, seconds = true) {
  const told = number(ns);
  if (told === null) return DASH;
  return new Date(told / 1e6).toISOString().slice(11, seconds ? 19 : 16);
}

function day(ns) {
  const told = number(ns);
  return told === null ? DASH : new Date(told / 1e6).toISOString().slice(0, 10);
}

function lasting(seconds) {
  const told = number(seconds);
  if (told === null) return DASH;
  if (told < 10) return num(told, 1) + " s";
  if (told < 120) return num(told, 0) + " s";
  return told < 7200 ? num(told / 60, 0) + " min" : num(told / 3600, 1) + " h";
}

// What a state means, and how loud it is.
const STATES = {
  active: ["good", "✓ ACTIVE", "Hedging."],
  reducing: ["warn", "◐ REDUCING", "Only hedges that close a position pass."],
  paused: ["warn", "‖ PAUSED", "No hedge is sent until somebody resumes."],
  halted: ["bad", "■ HALTED", "No hedge is sent until somebody arms the book: rebalancer arm --reason …"],
  starting: ["warn", "… STARTING", "Nothing is hedged yet."],
  reconciling: ["warn", "… RECONCILING", "Ledger and venues are compared; nothing is hedged yet."],
  standby: ["warn", "… STANDBY", "Another host hedges."],
  draining: ["warn", "… DRAINING", "The daemon stops; its orders are withdrawn."],
};
const stateOf = (name) =>
  STATES[name] || ["warn", "? " + words(name).toUpperCase(), "This page does not know the state."];

const ACTIONS = {
  order: (row) => (number(row.quantity) > 0 ? ["good", "▲ buy"] : ["sell", "▼ sell"]),
  refuse: () => ["warn", "✕ refuse"],
  withdraw: () => ["soft", "↩ withdraw"],
  hold: () => ["soft", "· hold"],
};
const actionOf = (row) => (ACTIONS[row.action] || (() => ["soft", words(row.action)]))(row);

// Return the rows of a list anew with as few changes as there are: what is focused stays so.
function fill(box, rows, make, change) {
  while (box.children.length > rows.length) box.lastElementChild.remove();
  rows.forEach((row, place) => {
    if (!box.children[place]) box.append(make());
    change(box.children[place], row);
  });
}
