// report.mjs RESULTS.jsonl...  markdown: a table per scenario (medians over
//   runs, ratios to nginx-proxy and node-lambda), then the aims
// report.mjs --one FILE        one line: percent of noise, then the figures
import fs from 'node:fs';
import os from 'node:os';

const one = process.argv[2] === '--one';
const rows = process.argv.slice(one ? 3 : 2)
  .flatMap((f) => fs.readFileSync(f, 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l)));

const med = (values) => {
  const v = values.filter(Number.isFinite).sort((a, b) => a - b), h = v.length >> 1;
  return v.length ? v.length % 2 ? v[h] : (v[h - 1] + v[h]) / 2 : NaN;
};
const fmt = (x, digits) => !Number.isFinite(x) ? '–' : x.toLocaleString('en-US', {
  maximumFractionDigits: digits ?? (Math.abs(x) < 10 ? 2 : Math.abs(x) < 100 ? 1 : 0),
});

// ---- figures of one run ----
const sut = (mark, group, key) => mark?.sut?.[group]?.[key] ?? 0;
const both = (mark, key) => sut(mark, 'app', key) + sut(mark, 'front', key);
const cpu = (a, b, group) => group ? sut(b, group, 'cpu_us') - sut(a, group, 'cpu_us') : both(b, 'cpu_us') - both(a, 'cpu_us');
const whole = (r, group) => cpu(r.load.marks.start, r.load.marks.done, group);
const held = (r, group) => cpu(r.load.marks.open, r.load.marks.end, group);
const heldEvents = (r) => r.load.marks.end.events - r.load.marks.open.events;
const heldSeconds = (r) => r.load.marks.end.t - r.load.marks.open.t;
const grown = (r, group) => (sut(r.load.marks.mid, group, 'pss_kb') - sut(r.load.marks.start, group, 'pss_kb')) / r.load.alive;
// percent of the machine's CPU that neither the system, the emulator nor the load took
const noise = (r) => {
  const m = r.load?.marks, a = m?.end ? m.open : m?.start, b = m?.end ?? m?.done;
  if (!a || !b || b.t - a.t < 0.2) return NaN;
  const ours = (cpu(a, b) + cpu(a, b, 'up')) / 1e6 + b.load_s - a.load_s;
  return Math.max(0, (b.machine_s - a.machine_s - ours) / (b.t - a.t) / os.cpus().length * 100);
};
const errors = (r) => {
  if (r.failed) return 'failed';
  const l = r.load;
  const ours = /^(agentcgi|node)/.test(r.system); // those that sign
  const missed = !ours || !r.upstream ? 0 : (l.streams ?? l.runs) - r.upstream.requests;
  if (missed > 0) return `${missed} never reached the upstream`;
  if (ours && r.upstream?.signed < r.upstream?.requests) return 'UNSIGNED';
  if (!l.errors) return l.ok === l.runs ? '' : `ok ${l.ok}/${l.runs}`; // cold
  const e = Object.entries(l.errors).filter(([k, n]) => n && k !== 'last_status').map(([k, n]) => `${k} ${n}`);
  if (l.lost) e.push(`lost ${l.lost}`);
  if (l.out_of_order) e.push(`out of order ${l.out_of_order}`);
  return e.join(', ');
};

// ---- per kind of scenario: [heading, value of one run, decimals, with ratios] ----
const TABLES = {
  ttfb: [
    ['streams/s', (r) => r.load.streams_s, 0, 1],
    ['first event µs p50', (r) => r.load.ttfe_us?.p50, 0, 1],
    ['p99', (r) => r.load.ttfe_us?.p99, 0],
    ['to upstream p50', (r) => r.load.request_leg_us?.p50, 0],
    ['back p50', (r) => r.load.latency_us?.p50, 0],
    ['CPU µs/stream app', (r) => whole(r, 'app') / r.load.ok, 0],
    ['front', (r) => whole(r, 'front') / r.load.ok, 0],
    ['total', (r) => whole(r) / r.load.ok, 0, 1],
    ['full TLS handshakes per 1,000', (r) => r.up === 'plain' ? NaN : r.upstream.tls_full / r.load.ok * 1000, 0],
    ['PSS MB', (r) => both(r.load.marks.start, 'pss_kb') / 1024],
  ],
  tokens: [
    ['added µs p50', (r) => r.load.latency_us?.p50, 0, 1],
    ['p95', (r) => r.load.latency_us?.p95, 0],
    ['p99', (r) => r.load.latency_us?.p99, 0, 1],
    ['max ms', (r) => r.load.latency_us?.max / 1e3],
    ['CPU µs/event app', (r) => held(r, 'app') / heldEvents(r), undefined, 1],
    ['front', (r) => held(r, 'front') / heldEvents(r)],
    ['total', (r) => held(r) / heldEvents(r), undefined, 1],
    ['events/s', (r) => heldEvents(r) / heldSeconds(r), 0],
    ['PSS MB', (r) => both(r.load.marks.mid, 'pss_kb') / 1024],
  ],
  many: [
    ['alive', (r) => r.load.alive, 0],
    ['first event ms p50', (r) => r.load.ttfe_us?.p50 / 1e3],
    ['p99', (r) => r.load.ttfe_us?.p99 / 1e3],
    ['added µs p50', (r) => r.load.latency_us?.p50, 0],
    ['p99', (r) => r.load.latency_us?.p99, 0],
    ['PSS MB before', (r) => both(r.load.marks.start, 'pss_kb') / 1024, 0],
    ['open', (r) => both(r.load.marks.mid, 'pss_kb') / 1024, 0],
    ['KiB/stream app', (r) => grown(r, 'app'), undefined, 1],
    ['front', (r) => grown(r, 'front')],
    ['opening CPU ms/stream', (r) => cpu(r.load.marks.start, r.load.marks.open) / r.load.alive / 1e3],
    ['CPU % app', (r) => held(r, 'app') / heldSeconds(r) / 1e4],
    ['front', (r) => held(r, 'front') / heldSeconds(r) / 1e4],
    ['CPU µs/event', (r) => heldEvents(r) ? held(r) / heldEvents(r) : NaN],
  ],
  flood: [
    ['MB/s', (r) => r.load.mb_s, 0, 1],
    ['M events/s', (r) => r.load.events_s / 1e6],
    ['CPU s/GB app', (r) => whole(r, 'app') / r.load.bytes * 1e3],
    ['front', (r) => whole(r, 'front') / r.load.bytes * 1e3],
    ['total', (r) => whole(r) / r.load.bytes * 1e3, undefined, 1],
  ],
  cancel: [
    ['seen of closed %', (r) => r.load.cancel.seen / r.load.cancel.closed * 100, 0],
    ['ms p50', (r) => r.load.cancel_us?.p50 / 1e3, undefined, 1],
    ['p99', (r) => r.load.cancel_us?.p99 / 1e3],
    ['max', (r) => r.load.cancel_us?.max / 1e3],
  ],
  cold: [
    ['first event ms min', (r) => r.load.first_event_ms?.min],
    ['p50', (r) => r.load.first_event_ms?.p50, undefined, 1],
    ['max', (r) => r.load.first_event_ms?.max],
    ['CPU ms', (r) => r.load.cpu_ms_p50],
    ['max RSS MB', (r) => r.load.maxrss_kb / 1024],
  ],
};
const kind = (scenario) => scenario.startsWith('idle') ? 'many' : Object.keys(TABLES).find((k) => scenario.startsWith(k));
const name = (r) => r.system + (r.variant ? ` ${r.variant}` : '');

if (one) {
  const text = rows.map((r) => {
    if (r.skipped) return `left out: ${r.skipped}`;
    const figures = TABLES[kind(r.scenario)].slice(0, 5).map(([head, value, digits]) => `${head} ${fmt(value(r), digits)}`);
    return [r.variant, ...figures, errors(r)].filter(Boolean).join(', ');
  });
  console.log(Math.round(rows[0] && noise(rows[0]) || 0), text.join('; '));
  process.exit();
}

// ---- runs by scenario and system ----
const groups = new Map(); // 'ttfb tls' -> Map of system -> runs
for (const r of rows) {
  const key = `${r.scenario} ${r.up}`;
  if (!groups.has(key)) groups.set(key, new Map());
  const g = groups.get(key);
  if (!g.has(name(r))) g.set(name(r), []);
  g.get(name(r)).push(r);
}
// the runs to take: the quiet ones when there are any
const disturbed = (r) => { // too short to tell: was it quiet just before?
  const n = noise(r);
  return Number.isFinite(n) ? n > 25 : r.quiet === 0;
};
const calm = (runs) => {
  const l = runs.filter((r) => r.load), q = l.filter((r) => !disturbed(r));
  return q.length ? q : l;
};
const NODE = ['node-lambda', 'node-lambda bundled'];
for (const [key, g] of groups) {
  const cols = TABLES[kind(key)];
  const heads = cols.flatMap((c) => c[3] ? [c[0], '× nginx', '× Node'] : [c[0]]);
  const val = (s, c) => med(calm(g.get(s) ?? []).map(c[1]));
  const node = NODE.find((s) => g.has(s));
  console.log(`\n### ${key.replace(' ', ', upstream ')}\n`);
  console.log(`| system | runs | ${heads.join(' | ')} | others' CPU % | errors |`);
  console.log(`|---|--:|${heads.map(() => '--:').join('|')}|--:|---|`);
  for (const [s, runs] of g) {
    const live = calm(runs);
    if (!live.length) {
      console.log(`| ${s} | 0 |${' |'.repeat(heads.length)} | ${runs[0].skipped ?? 'failed'} |`);
      continue;
    }
    const cells = cols.flatMap((c) => {
      const v = val(s, c);
      return c[3] ? [fmt(v, c[2]), fmt(v / val('nginx-proxy', c), 2), fmt(v / val(node, c), 2)] : [fmt(v, c[2])];
    });
    const e = [...new Set([...live, ...runs.filter((r) => r.failed)].map(errors).filter(Boolean))];
    console.log(`| ${s} | ${live.length} | ${cells.join(' | ')} | ${fmt(med(live.map(noise)), 0)} | ${e.slice(0, 2).join(' / ')} |`);
  }
}

// ---- the aims ----
const le = (...max) => (v) => v.every((x, i) => x <= max[i]);
const p50 = (r) => r.load.cancel_us?.p50 / 1e3;
const seen = (r) => r.load.cancel.seen === r.load.cancel.closed ? p50(r) : Infinity; // one not seen is a failure
const alive = (r) => r.load.alive;
// figures: [scenario, upstream, value of one run]; fronts: those the aim is for
const AIMS = [
  { row: 'TLS upstream, short streams/s', fronts: ['lighttpd'], aim: '≥ 5 × Node, ≥ 0.6 × nginx',
    figures: [['ttfb', 'tls', (r) => r.load.streams_s]], ratios: true, node: true,
    test: (v, nginx, node) => v[0] >= 5 * node[0] && v[0] >= 0.6 * nginx[0] },
  { row: 'first event p50, µs', fronts: ['lighttpd'], aim: '≤ 1.5 × nginx',
    figures: [['ttfb', 'plain', (r) => r.load.ttfe_us?.p50]], ratios: true,
    test: (v, nginx) => v[0] <= 1.5 * nginx[0] },
  { row: 'CPU per relayed event, our process alone, µs', fronts: ['lighttpd', 'bare'], aim: '≤ 16',
    figures: [['tokens', 'plain', (r) => held(r, 'app') / heldEvents(r)]], test: le(16) },
  { row: 'added latency per event p50 / p99, 100 × 50/s, µs', fronts: ['lighttpd'], aim: '≤ 90 / ≤ 300',
    figures: [['tokens', 'plain', (r) => r.load.latency_us?.p50], ['tokens', 'plain', (r) => r.load.latency_us?.p99]],
    test: le(90, 300) },
  { row: 'memory per open stream in our process, plain / TLS, KiB', fronts: ['lighttpd', 'bare'], aim: '≤ 25 / ≤ 75',
    figures: [['many1000', 'plain', (r) => grown(r, 'app')], ['many1000', 'tls', (r) => grown(r, 'app')]],
    test: le(25, 75) },
  { row: 'one CGI hit, start to first event, ms', fronts: ['bare'], aim: '≤ 8',
    figures: [['cold', 'plain', (r) => r.load.first_event_ms?.p50]], test: le(8) },
  { row: 'idle CPU at 5,000 streams without events, %', fronts: ['bare', 'lighttpd', 'nginx'], any: true, aim: '< 0.5',
    figures: [['idle5000', 'plain', (r) => held(r, 'app') / heldSeconds(r) / 1e4]], test: (v) => v[0] < 0.5 },
  { row: 'upstream sees a cancelled client, in text / in silence, ms', fronts: ['nginx', 'bare'], aim: '≤ 2 both',
    figures: [['cancel', 'plain', seen], ['cancelidle', 'plain', seen]], test: le(2, 2) },
  { row: '5,000 then 8,900 open streams, alive', fronts: ['lighttpd', 'nginx', 'bare'], any: true, aim: 'all, none lost',
    figures: [['many5000', 'plain', alive], ['many8900', 'plain', alive]], test: (v) => v[0] === 5000 && v[1] === 8900 },
];
const runsOf = (system, [scenario, up]) => groups.get(`${scenario} ${up}`)?.get(system) ?? [];
const values = (systems, figures) => figures.map((f) =>
  med(systems.flatMap((s) => calm(runsOf(s, f))).map((r) => f[2](r) ?? NaN).map((x) => x === Infinity ? 1e9 : x)));
const show = (v) => v.every(Number.isNaN) ? '–' : v.map((x) => x >= 1e9 ? 'not seen' : fmt(x)).join(' / ');
console.log('\n### Aims\n\n| | nginx | node | agentcgi | aim | reached |\n|---|--:|--:|---|---|---|');
for (const a of AIMS) {
  const nginx = values(['nginx-proxy'], a.figures), node = values(NODE, a.figures);
  const verdicts = [];
  const cells = a.fronts.flatMap((front) => {
    const systems = [`agentcgi-${front}`, `agentcgi-${front} cgi`];
    const runs = a.figures.flatMap((f) => systems.flatMap((s) => runsOf(s, f)));
    if (a.any && !runs.length) return []; // measured behind some, which is enough
    const v = values(systems, a.figures);
    const wrong = [...new Set(runs.filter((r) => !r.skipped && (r.failed || calm([r]).length)).map(errors).filter(Boolean))];
    const complete = v.every(Number.isFinite);
    const lacks = a.ratios && (Number.isNaN(nginx[0]) || a.node && Number.isNaN(node[0]));
    verdicts.push(wrong.length ? 'no' : !complete || lacks ? '–' : a.test(v, nginx, node) ? 'yes' : 'no');
    const ratios = a.ratios && complete ? ` (${fmt(v[0] / nginx[0], 2)} × nginx, ${fmt(v[0] / node[0], 2)} × Node)` : '';
    return [`${front} ${show(v)}${ratios}${wrong.length ? ` (${wrong.join('; ')})` : ''}`];
  });
  const reached = ['no', '–', 'yes'].find((x) => verdicts.includes(x)) ?? '–';
  console.log(`| ${a.row} | ${show(nginx)} | ${show(node)} | ${cells.join('; ') || '–'} | ${a.aim} | ${reached} |`);
}
const loud = [...groups].flatMap(([key, g]) => [...g].filter(([, runs]) => calm(runs).some(disturbed)).map(([s]) => `${key.replace(' ', ':')} ${s}`));
if (loud.length) console.log(`\nOthers took over 25 % of the machine in every run of: ${loud.join(', ')}. Measure these again.`);
