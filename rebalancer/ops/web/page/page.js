// The page: keeps the connection, and tells every part what changed. What is old never looks live.
"use strict";
(() => {
  const OLD = 3000; // ms without a frame until the picture counts as lost
  const STILL = 6000; // ms without a step of the engine until that is a trouble
  const book = { head: {}, underlyings: {}, positions: [], decisions: [], guards: [], accounts: [], orders: [], counters: {} };
  const page = { socket: null, heard: 0, wait: 1000, coin: null, acts: false, canAct: false, seq: -1, stepped: 0,
    timer: 0, refused: false, asking: false, apart: Infinity, late: 0 };
  let token = null;
  try { token = sessionStorage.getItem("token"); } catch { token = null; }

  const chart = new Chart($("chart"), $("read"), openWhy);
  const parts = {
    coins: coinCards($("coins"), choose), decisions: decisionList($("decisions"), openWhy),
    accounts: accountCards($("accounts")), positions: positionTable($("positions"), (coin) => (book.underlyings[coin] || {}).price),
    guards: guardList($("guards"), $("guarded")), feeds: feedList($("feeds")), orders: orderTable($("orders")),
  };

  // --- the connection ---------------------------------------------------------

  function connect() {
    clearTimeout(page.timer);
    if (page.refused) return;
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
    page.socket = socket;
    page.apart = Infinity;
    page.late = 0;
    socket.addEventListener("open", () => socket.send(JSON.stringify({ token })));
    socket.addEventListener("message", (event) => { if (socket === page.socket) hear(JSON.parse(event.data)); });
    socket.addEventListener("close", (event) => {
      if (socket !== page.socket) return;
      page.socket = null;
      if (event.code === 4401) { refuse(); return; }
      page.timer = setTimeout(connect, page.wait);
      page.wait = Math.min(page.wait * 2, 10000);
      watch();
    });
  }

  function again() {
    page.refused = false;
    page.wait = 1000;
    const before = page.socket;
    page.socket = null;
    if (before) before.close();
    connect();
  }

  function refuse() {
    const wrong = token !== null;
    forget();
    page.refused = true;
    ask("This book is shown to those who have its reader's or operator's token.", wrong);
  }

  function hear(told) {
    if (told.hello) {
      page.acts = told.hello.acts;
      page.canAct = told.hello.can_act;
      if (page.acts || token !== null) $("login").close();
      buttons();
      return;
    }
    measure(told.sent);
    delete told.sent;
    const first = !page.heard || document.body.dataset.live === "no";
    page.heard = performance.now();
    page.wait = 1000;
    const before = book.decisions.length ? book.decisions[book.decisions.length - 1].seq : -1;
    Object.assign(book, told);
    if (book.head.seq !== page.seq) { page.seq = book.head.seq; page.stepped = page.heard; }
    $("main").hidden = false;
    if (!page.coin || !(page.coin in book.underlyings)) page.coin = Object.keys(book.underlyings)[0] || null;
    if (first) past();
    document.body.dataset.live = "yes";
    document.body.classList.remove("stale");
    $("lost").hidden = true;
    show(told, before);
    if (page.late >= OLD) watch();
  }

  // A frame that waited on its way shows what was, however soon the next one comes. The two clocks
  // need not agree; what counts is by how much more than usual they differ. Their drift is let pass.
  function measure(sent) {
    const now = performance.now(), apart = now - sent * 1000;
    const drift = page.heard ? (now - page.heard) * 0.001 : 0;
    page.apart = Math.min(apart, page.apart + drift);
    page.late = apart - page.apart;
  }

  // Look whether what is shown is still so: a page must say by itself that it is old.
  function watch() {
    const now = performance.now(), live = page.heard && now - page.heard + page.late < OLD;
    if (live) {
      linked("live", "link");
    } else if (page.heard) {
      document.body.dataset.live = "no";
      document.body.classList.add("stale");
      $("lost").hidden = false;
      say($("lost"), `▲ Connection lost. What is below is of ${day(book.head.ts)} ${clock(book.head.ts)} UTC and is NOT live. ` +
        "The book may go on hedging, or may not: rebalancer status tells.");
      say($("state"), `? was ${stateOf(book.head.state)[1].slice(2)}`, "pill");
      linked(`lost for ${lasting((now - page.heard) / 1000)}`, "link off");
      document.title = `▲ LOST · ${book.head.book}`;
      icon("#b3261e");
      buttons();
      if (page.socket && now - page.heard > 3 * OLD && page.socket.readyState === WebSocket.OPEN) again();
    } else {
      linked(page.refused ? "a token is needed" : "connecting", "link off");
    }
    if (live) troubles();
  }

  function linked(text, kind) {
    say($("linked"), text);
    if ($("link").className !== kind) $("link").className = kind;
  }

  // --- what is shown ------------------------------------------------------------

  function show(told, before) {
    const { head } = book;
    const [kind, word] = stateOf(head.state);
    say($("state"), word, "pill " + kind);
    say($("book"), words(head.book));
    say($("mode"), head.mode + (head.speed && head.speed !== 1 ? `, ${head.speed} times as fast` : ""));
    say($("time"), `${day(head.ts)} ${clock(head.ts)} UTC`);
    linked("live", "link");
    parts.coins(book.underlyings, page.coin);
    const own = book.underlyings[page.coin];
    if (own) {
      facts($("facts"), page.coin, own);
      const since = chart.until;
      if (chart.coin === page.coin && chart.add(head.ts, own)) past(since);
    }
    if (told.decisions) {
      parts.decisions(book.decisions);
      for (const each of book.decisions) if (each.seq > before && each.underlying === page.coin) chart.mark(each);
    }
    if (told.accounts) parts.accounts(book.accounts);
    if (told.positions) parts.positions(book.positions);
    if (told.guards) parts.guards(book.guards, page.coin);
    if (told.orders) parts.orders(book.orders.slice().reverse());
    if (told.counters) counters($("counters"), book.counters);
    if (head.feeds) parts.feeds(head.feeds);
    say($("charted"), `Net delta of ${page.coin} in its band`);
    if (chart.at === null && !document.hidden) chart.draw();
    troubles();
    buttons();
  }

  // Everything that somebody should look at, loudest first.
  function troubles() {
    const { head } = book, found = [];
    const [kind, , meaning] = stateOf(head.state);
    if (kind !== "good") found.push([kind, words(head.state), `${meaning} Why: ${head.state_reason || "not told"}.`]);
    for (const latch of head.latches || []) if (!latch.startsWith("book: ")) found.push(["bad", "latched", latch]);
    for (const each of book.orders) {
      if (each.state === "unknown") found.push(["bad", "unknown order", `${each.client_order_id}, ${quantity(each.quantity)} ` +
        `${each.instrument}: it may be live; its underlying waits until the venue proves what became of it.`]);
    }
    for (const [name, told] of Object.entries(book.underlyings)) {
      const [loud, word] = verdict(told);
      if (loud === "bad") found.push(["bad", name, `net delta is ${word}.`]);
      if (told.state !== head.state && told.state !== "active") found.push([stateOf(told.state)[0], name, `is ${words(told.state)}.`]);
    }
    for (const each of book.accounts) {
      const loud = number(each.balance) === null ? "bad" : RUNGS[each.rung] || "good";
      if (loud !== "good") found.push([loud, each.pool, number(each.balance) === null ? "nobody knows how it stands."
        : `is at ${each.rung}: margin ratio ${percent(each.ratio)}, liquidation ${percent(each.distance)} away.`]);
    }
    for (const [name, age] of Object.entries(head.feeds || {})) {
      if (age > FEED_OLD) found.push(["bad", name, `its feed told nothing new for ${lasting(age)}.`]);
    }
    for (const [name, why] of Object.entries(head.held || {})) found.push(["warn", name, `hedges wait: ${why}.`]);
    const still = performance.now() - page.stepped;
    if (page.heard && still > STILL) found.push(["bad", "engine", `it has taken no step for ${lasting(still / 1000)}.`]);
    found.sort((one, other) => (other[0] === "bad") - (one[0] === "bad"));
    fill($("troubles"), found, () => el("li", {}, el("b"), el("span")), (line, [loud, what, text]) => {
      if (line.className !== loud) line.className = loud;
      say(line.children[0], (loud === "bad" ? "▲ " : "! ") + what);
      say(line.children[1], text);
    });
    sum(found);
  }

  // The one sentence, which is also the title of the tab and the colour of its icon.
  function sum(found) {
    const coins = Object.entries(book.underlyings);
    const off = coins.filter(([, told]) => verdict(told)[0] !== "good").map(([name]) => name);
    const bad = found.some((each) => each[0] === "bad"), [, word] = stateOf(book.head.state);
    const inside = off.length ? `${off.join(", ")} ${off.length > 1 ? "are" : "is"} not inside ${off.length > 1 ? "their bands" : "its band"}.`
      : coins.length === 1 ? `${coins[0][0]} is inside its band.`
        : `${coins.length === 2 ? "Both" : `All ${coins.length}`} underlyings are inside their bands.`;
    const loud = found.filter((each) => each[0] === "bad").map((each) => each[1]);
    say($("heard"), loud.length ? `Needs a look: ${loud.join(", ")}.` : inside);
    say($("verdict"), found.length ? `${inside} ${found.length === 1 ? "One thing needs" : `${found.length} things need`} a look.`
      : inside, "lead " + (bad ? "bad" : found.length || off.length ? "warn" : "good"));
    if (document.body.dataset.live === "no") return;
    const own = book.underlyings[page.coin];
    document.title = `${bad ? "▲ " : ""}${word} · ${page.coin} ${own ? short(own.net_delta, true) : ""} · ${book.head.book}`;
    icon(bad ? "#b3261e" : found.length ? "#c98500" : "#00805d");
  }

  let painted = "";
  function icon(colour) {
    if (painted === colour) return;
    painted = colour;
    const drawn = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><circle cx='8' cy='8' r='7' fill='${colour}'/></svg>`;
    $("icon").href = "data:image/svg+xml," + encodeURIComponent(drawn);
  }

  function choose(coin) {
    if (coin === page.coin) return;
    page.coin = coin;
    past();
    show({ guards: true }, Infinity);
  }

  // --- asking -------------------------------------------------------------------

  function headers(more) { return token === null ? more : { ...more, Authorization: `Bearer ${token}` }; }

  async function past(since = 0) {
    const coin = page.coin;
    if (!coin || (since && page.asking)) return;
    if (chart.coin !== coin) chart.clear(coin);
    page.asking = true;
    try {
      const answer = await fetch(`/history/${encodeURIComponent(coin)}?since=${since}`, { headers: headers({}) });
      if (answer.ok && coin === page.coin) chart.load(coin, await answer.json());
    } catch { /* the connection is watched elsewhere: the chart goes on from now */ }
    page.asking = false;
  }

  async function openWhy(seq) {
    const box = $("why");
    $("whybody").replaceChildren(el("p", { class: "soft" }, "reading the journal …"));
    if (!box.open) box.showModal();
    let told = null, text = "the daemon did not answer";
    try {
      const answer = await fetch(`/why/${encodeURIComponent(seq)}`, { headers: headers({}) });
      told = await answer.json();
      if (!answer.ok) { text = told.error; told = null; }
    } catch { told = null; }
    $("whybody").replaceChildren(...(told ? whyBody(told) : [el("p", { class: "bad" }, `▲ ${text}`)]));
    box.scrollTop = 0;
  }

  // --- signing in ---------------------------------------------------------------

  function ask(text, wrong) {
    say($("loginwhy"), text);
    $("loginbad").hidden = !wrong;
    say($("loginbad"), wrong ? "▲ This token is not known here." : "");
    $("logincancel").hidden = page.refused;
    if (!$("login").open) $("login").showModal();
    $("token").focus();
    watch();
  }

  function forget() {
    token = null;
    try { sessionStorage.removeItem("token"); } catch { /* nothing was kept */ }
  }

  function signOut() {
    forget();
    page.acts = false;
    again();
  }

  $("login").querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    token = $("token").value.trim();
    $("token").value = "";
    try { sessionStorage.setItem("token", token); } catch { /* it is kept in memory alone */ }
    again();
  });
  $("login").addEventListener("cancel", (event) => { if (page.refused) event.preventDefault(); });
  $("sign").addEventListener("click", () => (page.acts ? signOut() : ask("The operator's token lets this tab pause, resume and kill.", false)));

  // --- acting ---------------------------------------------------------------------

  const DEEDS = {
    pause: ["Pause", "No new hedge is sent until somebody resumes. Orders that keep the accounts from liquidation still pass."],
    resume: ["Resume", "Hedges are sent again as the settings say."],
    kill: ["Kill the book", "Own orders are cancelled and nothing passes any more, not even what protects from liquidation. " +
      "Positions stay as they are. It is latched, over restarts too, until somebody arms the book at the command line."],
  };
  let deed = null;

  function buttons() {
    const live = document.body.dataset.live === "yes", paused = book.head.state === "paused";
    $("sign").hidden = !page.canAct;
    say($("sign"), page.acts ? "Sign out" : "Sign in to act");
    $("pause").hidden = $("kill").hidden = !(page.acts && live);
    $("pause").disabled = book.head.state === "halted";
    say($("pause"), paused || book.head.state === "reducing" ? "Resume" : "Pause");
  }

  function prepare(verb) {
    deed = verb;
    const [title, text] = DEEDS[verb];
    say($("acthead"), `${title}?`);
    say($("acttext"), text);
    say($("actyes"), title, verb === "kill" ? "danger" : "primary");
    $("reason").value = "";
    $("actbad").hidden = true;
    $("act").showModal();
    $("reason").focus();
  }

  async function carryOut(event) {
    event.preventDefault();
    $("actyes").disabled = true;
    let wrong = "the daemon did not answer; nobody knows whether it heard";
    try {
      const answer = await fetch(`/${deed}`, { method: "POST", headers: headers({ "Content-Type": "application/json" }),
        body: JSON.stringify({ reason: $("reason").value || "from the status page" }) });
      wrong = answer.ok ? null : (await answer.json()).error;
    } catch { /* said below */ }
    $("actyes").disabled = false;
    if (wrong === null) { $("act").close(); return; }
    $("actbad").hidden = false;
    say($("actbad"), `▲ ${wrong}`);
  }

  $("pause").addEventListener("click", () => prepare($("pause").textContent === "Resume" ? "resume" : "pause"));
  $("kill").addEventListener("click", () => prepare("kill"));
  $("act").querySelector("form").addEventListener("submit", carryOut);
  for (const each of document.querySelectorAll("dialog .close")) {
    each.addEventListener("click", () => each.closest("dialog").close());
  }

  // --- the beginning ---------------------------------------------------------------

  for (const [minutes, name] of [[15, "15 min"], [60, "1 h"], [360, "6 h"]]) {
    const button = el("button", { type: "button", "aria-pressed": String(minutes === chart.minutes) }, name);
    button.addEventListener("click", () => {
      chart.minutes = minutes;
      for (const each of $("spans").children) each.setAttribute("aria-pressed", String(each === button));
      chart.draw();
    });
    $("spans").append(button);
  }
  arrows($("coins"), choose);
  key($("key"));
  setInterval(watch, 500);
  document.addEventListener("visibilitychange", watch);
  addEventListener("online", again);
  connect();
})();
