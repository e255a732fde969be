// The self-test, from the page and from the shell, behind real web servers:
// set up as their manuals say, without what conf/ adds; and set up by conf/.
// It must name what is wrong, and the line that mends it.
//
// AGENTCGI_SHOTS=DIRECTORY keeps a picture of each page.

import path from "node:path";
import { chromium } from "playwright-core";
import { AGENTCGI, FRONTS, startBed } from "../lib/servers.mjs";
import { runToEnd, stopAll } from "../lib/proc.mjs";
import { assert, note, run, test } from "../lib/tap.mjs";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const PATIENCE_MS = 60_000;
// A tick is on time within 150 ms, which a busy machine may miss.
const RUNS = 8;

const apachePage = (bed) => `
Alias "/agentcgi" "${bed.htdocs}"
<Directory "${bed.htdocs}">
  Require all granted
</Directory>
<Directory "${path.dirname(bed.program)}">
  Require all granted
</Directory>
`;
const lighttpdPage = (bed) => `
server.modules += ( "mod_alias", "mod_fastcgi" )
alias.url += ( "/agentcgi/" => "${bed.htdocs}/" )
`;
const nginxPage = (bed) => `location /agentcgi/ { alias ${bed.htdocs}/; }\n`;
const caddyPage = (bed) => `handle_path /agentcgi/* {
	root * ${bed.htdocs}
	file_server
}
`;

/*
 * config replaces the shipped file.  verdict, compressed and authorization
 * are what the page finds; says: what the program prints; mends: the line
 * that both name.
 */
const CASES = {
	"Apache mod_proxy_fcgi, as it comes": { front: "apache",
		config: (bed) => `ProxyPass "/api/" "unix:${bed.socket}|fcgi://localhost/"
${apachePage(bed)}`,
		verdict: "held", authorization: "lost", says: /held back until the end/,
		mends: "flushpackets=on" },
	"Apache mod_fcgid, as it comes": { front: "apache-fcgid",
		config: (bed) => `ScriptAlias "/api" "${bed.program}"
<Location "/api">
  SetHandler fcgid-script
</Location>
${apachePage(bed)}`,
		verdict: "held", authorization: "lost", says: /held back until the end/,
		mends: "FcgidOutputBufferSize 0" },
	"Apache CGI on a site that compresses everything": { front: "apache-cgi", compress: true,
		config: (bed) => `ScriptAlias "/api" "${bed.program}"
${apachePage(bed)}`,
		verdict: "held", compressed: "yes", authorization: "lost", says: /compressed/,
		mends: "SetEnv no-gzip 1" },
	"lighttpd, as it comes": { front: "lighttpd",
		config: (bed) => `${lighttpdPage(bed)}
fastcgi.server = ( "/api/" => (( "socket" => "${bed.socket}", "check-local" => "disable" )) )
`,
		verdict: "held", authorization: "ok", says: /held back until the end/,
		mends: "server.stream-response-body = 2" },
	"lighttpd CGI, as it comes": { front: "lighttpd-cgi",
		config: (bed) => `${lighttpdPage(bed)}
alias.url += ( "/api/" => "${bed.program}/" )
$HTTP["url"] =~ "^/api/" {
  cgi.assign = ( "" => "" )
  server.stream-response-body = 0 # the default
}
`,
		verdict: "held", authorization: "ok", says: /held back until the end/,
		mends: "server.stream-response-body = 2" },
	"nginx, as it comes": { front: "nginx",
		// It heeds X-Accel-Buffering.
		config: (bed) => `location /api/ { include fastcgi_params; fastcgi_pass unix:${bed.socket}; }
${nginxPage(bed)}`,
		verdict: "streams", authorization: "ok", says: /streams/ },
	"nginx told to ignore what agentcgi says": { front: "nginx",
		config: (bed) => `location /api/ { include fastcgi_params; fastcgi_pass unix:${bed.socket};
  fastcgi_ignore_headers X-Accel-Buffering; }
${nginxPage(bed)}`,
		verdict: "held", authorization: "ok", says: /held back until the end/,
		mends: "fastcgi_buffering off;" },
	"Caddy, as it comes": { front: "caddy",
		config: (bed) => `reverse_proxy /api/* unix/${bed.socket} {
	transport fastcgi
}
${caddyPage(bed)}`,
		verdict: "streams", authorization: "ok", says: /streams/ },
	"Caddy that compresses every type": { front: "caddy",
		// It heeds Cache-Control: no-transform.
		config: (bed) => `encode {
	gzip
	match header Content-Type *
}
reverse_proxy /api/* unix/${bed.socket} {
	transport fastcgi
}
${caddyPage(bed)}`,
		verdict: "streams", authorization: "ok", says: /streams/ },
	"Apache that flushes every second": { front: "apache",
		config: (bed) => `ProxyPass "/api/" "unix:${bed.socket}|fcgi://localhost/" flushpackets=auto flushwait=1000
<Location "/api/">
  CGIPassAuth On
</Location>
${apachePage(bed)}`,
		verdict: "held|blocks", authorization: "ok", says: /held/, mends: "flushpackets=on" },
	"nginx with agentcgi somewhere else": { front: "nginx",
		config: (bed) => `location /elsewhere/ { include fastcgi_params; fastcgi_pass unix:${bed.socket}; }
${nginxPage(bed)}`,
		verdict: "base", says: /base path wrong/ },
	...Object.fromEntries(FRONTS.map((front) => [`${front}, set up by conf/`,
		{ front, verdict: "streams", authorization: "ok", says: /streams/ }])),
};

const browser = await chromium.launch({ executablePath: CHROMIUM,
	args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"] });

async function look(bed, name) {
	const page = await browser.newPage({ viewport: { width: 900, height: 1100 } });
	try {
		const dir = bed.front.way === "apache-htaccess" ? "/chat/" : "/agentcgi/";
		const api = `${bed.mount}/`;
		await page.goto(`${bed.origin}${dir}selftest.html?api=${encodeURIComponent(api)}`);
		await page.waitForFunction(() => document.documentElement.dataset.verdict,
			null, { timeout: PATIENCE_MS });
		if (process.env.AGENTCGI_SHOTS)
			await page.screenshot({ fullPage: true, path: path.join(process.env.AGENTCGI_SHOTS,
				`${name.replace(/[^A-Za-z0-9]+/g, "-")}.png`) });
		return await page.evaluate(() => ({ ...document.documentElement.dataset,
			text: document.body.innerText }));
	} finally {
		await page.close();
	}
}

// Again, if a tick was late where all were to be in time.
async function atBest(wanted, attempt) {
	let found;
	for (let i = 0; i < RUNS; i++) {
		found = await attempt();
		if (wanted(found))
			break;
		note(`run ${i + 1} found otherwise`);
	}
	return found;
}

for (const [name, wanted] of Object.entries(CASES)) {
	test(name, async () => {
		const bed = await startBed({ front: wanted.front, compress: wanted.compress,
			change: wanted.config ? (_, self) => wanted.config(self) : undefined });
		const seen = await atBest((s) => new RegExp(`^(${wanted.verdict})$`).test(s.verdict),
			() => look(bed, name));
		assert.match(seen.verdict, new RegExp(`^(${wanted.verdict})$`), seen.text);
		const told = await atBest((t) => t.code === (wanted.verdict === "streams" ? 0 : 1),
			() => runToEnd([AGENTCGI, "selftest", bed.url]));
		assert.equal(told.code, wanted.verdict === "streams" ? 0 : 1, told.out + told.err);
		assert.match(told.out + told.err, wanted.says);
		if (wanted.verdict !== "base") {
			assert.equal(seen.compressed, wanted.compressed ?? "no", seen.text);
			assert.equal(seen.authorization, wanted.authorization, seen.text);
			assert.equal(/Authorization (is )?lost/i.test(told.out + told.err),
				wanted.authorization === "lost", told.out);
		}
		if (wanted.mends) {
			assert.ok(seen.text.includes(wanted.mends), seen.text);
			assert.ok((told.out + told.err).includes(wanted.mends), told.out + told.err);
		}
		await bed.stop();
	});
}

await run(async () => {
	await browser.close();
	await stopAll();
});
