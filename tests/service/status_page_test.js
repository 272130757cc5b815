// Runs the status page's script on a document that knows text only, and gives it hostile figures.
// node status_page_test.js PAGE
"use strict";
const assert = require("node:assert");
const fs = require("node:fs");
const vm = require("node:vm");

class Node {
  constructor(tag) { this.tag = tag; this.children = []; this.attributes = {}; this.dataset = {}; this.hidden = false; this.className = ""; this.parent = null; }
  set textContent(text) { this.children = [String(text)]; }
  get textContent() { return this.children.map(c => typeof c === "string" ? c : c.textContent).join(""); }
  set innerHTML(_) { throw new Error("markup was made of text"); }
  setAttribute(name, value) { assert(!/^on|^style$|^srcdoc$/i.test(name), name); this.attributes[name] = String(value); }
  append(...nodes) { for (const node of nodes) { if (node instanceof Node) node.parent = this; this.children.push(node); } }
  replaceChildren(...nodes) { this.children = []; this.append(...nodes); }
  remove() { this.parent.children = this.parent.children.filter(c => c !== this); }
  all(tag) { return this.children.filter(c => c instanceof Node).flatMap(c => (c.tag === tag ? [c] : []).concat(c.all(tag))); }
}

const page = fs.readFileSync(process.argv[2], "utf8");
const script = page.slice(page.indexOf("<script>") + 8, page.indexOf("</script>"));
const byId = {};
for (const [, id] of page.matchAll(/ id="([^"]+)"/g)) byId[id] = new Node("div");
const tick = {};
const sandbox = {
  document: {createElement: tag => new Node(tag), getElementById: id => byId[id], hidden: false},
  fetch: () => tick.answer(), setTimeout: next => { tick.next = next; }, AbortSignal: {timeout: () => null}, Date, Map, Set, JSON, Math,
};
const settled = () => new Promise(resolve => setImmediate(() => setImmediate(resolve)));

const histogram = (count, fast) => ({bounds_us: [100, 1000, 10000], up_to: [0, fast, count], count, sum_us: 0});
const hostile = "<img src=x onerror=alert(1)>";
function stats(hits, loads) {
  return {healthy: true, idle: false, issues: [], at: "2026-01-01T00:00:00.000Z", alerts: [], caches: [{
    name: "users", closed: false, issues: [], loads, loads_in_flight: 1, loads_waiting: 0, load_p50_us: 2000, load_p99_us: 5000,
    load_latency: histogram(loads, 0), staleness_s: null, write_back: null,
    window: {span_s: 60, requests: 100, hits, misses: 100 - hits, hit_rate: hits / 100, error_rate: 0, stale_rate: 0, requests_per_s: 12.34,
             loads_per_s: 2, evictions_per_s: 0, levels: [{hits: 60, misses: 40, errors: 0, hit_rate: 0.6}, {hits: 5, misses: 35, errors: 3, hit_rate: 0.125}]},
    levels: [{name: "memory", entries: 10, bytes: null, reachable: null, breaker_open: null, p50_us: 0, p99_us: 0, latency: histogram(0, 0)},
             {name: hostile, entries: null, bytes: 2048, reachable: true, breaker_open: true, p50_us: 400, p99_us: 800, latency: histogram(100, 100)}],
  }]};
}
async function poll(answer) {
  tick.answer = answer;
  if (tick.next) tick.next(); else vm.runInNewContext(script, sandbox);
  await settled();
}
const json = value => async () => ({ok: true, json: async () => value});

(async () => {
  await poll(json(stats(65, 10)));
  assert.match(byId.state.textContent, /Healthy/);
  const article = byId.caches.all("article")[0];
  const text = () => article.textContent;
  assert(text().includes("65.0 %"), text());
  assert(text().includes("12.3/s"));
  assert(text().includes("2 ms / 5 ms"), "before there is a difference: since the start");
  assert(text().includes(hostile), "shown as it is");
  assert(text().includes("circuit open"));
  assert(text().includes("2 KiB"));
  assert.strictEqual(byId.caches.all("img").length, 0);
  assert.deepStrictEqual(article.all("th").filter(t => t.attributes.scope === "row").map(t => t.textContent), ["memory", hostile]);
  assert(article.all("caption").length === 1);

  for (const [value, shown] of [[99.7, "100 B"], [99.4, "99 B"], [1023.9, "1024 B"], [99.7 * 1024, "100 KiB"], [2.54, "2.5 B"], [0, "0 B"]]) {
    const one = stats(65, 10);
    one.caches[0].levels[1].bytes = value;
    await poll(json(one));
    assert(text().includes(shown), `${value}: ${text()}`);
  }
  await poll(json(stats(65, 10)));

  // 90 more loads, all between 1 and 10 ms.
  await poll(json(stats(65, 100)));
  assert(byId.caches.all("article")[0] === article, "updated, not made anew");
  assert(text().includes("5.5 ms / 9.9 ms"), text());

  const ill = stats(20, 100);
  ill.healthy = false;
  ill.caches[0].issues = [{kind: "hit_rate", cache: "users", level: "", what: hostile}];
  ill.alerts = [{rule: "cold", cache: "users", severity: "critical", broken: false, message: {"$bytes": "/w=="}, since: "2026-01-01T00:00:00.000Z"}];
  await poll(json(ill));
  assert.match(byId.state.textContent, /Not healthy/);
  assert(text().includes("not healthy") && text().includes(hostile));
  assert(byId.alerts.textContent.includes("critical cold for users: {\"$bytes\":\"/w==\"}"), byId.alerts.textContent);
  assert.strictEqual(byId.alerts.hidden, false);

  await poll(async () => { throw new Error("refused"); });
  assert.match(byId.state.textContent, /No answer.*refused/);
  assert(tick.next, "asks again");
  await poll(json({...stats(65, 100), caches: []}));
  assert.strictEqual(byId.caches.all("article").length, 0);
  assert.match(byId.state.textContent, /No caches yet/);
  assert.strictEqual(byId.alerts.hidden, true);
})().catch(error => { console.error(error); process.exit(1); });
