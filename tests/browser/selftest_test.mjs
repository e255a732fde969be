// The self-test page in a real browser, before servers that treat its stream
// as web servers do: let it through, hold it back, compress, refuse, cut.
//
// The servers are doubles, a few lines of node:http each.  They send what
// agentcgi sends, and tell truthfully when; but they are no agentcgi, no
// gateway and no web server: no FastCGI, no CGI, no HTTP/2, no TLS, no Server
// field, and what they hold back they hold back on purpose, not in a buffer
// of some size.  That real servers behave so, and that agentcgi says what is
// said here, is for tests/web.
//
// A tick is on time within 150 ms, which a busy machine may miss: "streams"
// may take several runs.  Everything else is certain in one.

import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import zlib from "node:zlib";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium } from "playwright-core";
import { stopAll, temporary } from "../lib/proc.mjs";
import { assert, run, test } from "../lib/tap.mjs";

const HTDOCS = new URL("../../htdocs/", import.meta.url).pathname;
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
/* A name that is not localhost: pages from there have no clipboard. */
const PLAIN_HOST = "plain.example";
const FLAGS = [
	"--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
	"--disable-background-networking", "--disable-component-update",
	"--disable-sync", `--host-resolver-rules=MAP ${PLAIN_HOST} 127.0.0.1`,
];
const PATIENCE_MS = 30_000;
const RUNS = 10;
const TYPES = { ".html": "text/html; charset=utf-8", ".css": "text/css",
	".js": "text/javascript", ".svg": "image/svg+xml" };
/* What chromium logs itself when a request fails. */
const FAILED = /^Failed to load resource/;

/* --- the server side --- */

const TICKS = 10;
const INTERVAL_MS = 300;
/* For tests that are not about time. */
const QUICK_MS = 60;
const NGINX = { software: "nginx/1.22.1", gateway: "FastCGI",
	protocol: "HTTP/1.1",
	advice: { stream: null, compression: "gzip off;", authorization: null } };
const FCGID = { software: "Apache/2.4.71 (Debian)", gateway: "mod_fcgid",
	protocol: "HTTP/1.1",
	advice: { stream: "FcgidOutputBufferSize 0",
		compression: "SetEnv no-gzip 1", authorization: "CGIPassAuth On" } };
const HEAD = { "Content-Type": "text/event-stream; charset=utf-8",
	"Cache-Control": "no-cache, no-transform", "X-Request-Id": "request-1" };

const event = (name, data) =>
	`${name ? `event: ${name}\n` : ""}data: ${JSON.stringify(data)}\n\n`;

/* What agentcgi writes, when it does: pieces of the stream, one per flush.
 * wait(n) comes before tick n. */
async function* agentcgi(request,
	{ server = NGINX, authorization, wait, interval = INTERVAL_MS } = {}) {
	yield ": agentcgi\n\n" + event("server", { ...server,
		authorization: authorization ?? Boolean(request.headers.authorization) });
	let begun;
	for (let tick = 1; tick <= TICKS; tick++) {
		await (wait?.(tick) ?? (tick > 1 && sleep(interval)));
		begun ??= performance.now();
		yield event("", { tick, ms: Math.round(performance.now() - begun) });
	}
	yield event("done", { reason: "complete" });
}

/* Handlers for /api/selftest. */

const streaming = (said) => async (request, response) => {
	response.writeHead(200, HEAD);
	for await (const piece of agentcgi(request, said))
		response.write(piece);
	response.end();
};

/* Quick to find that it holds back: for tests of the page itself. */
const quick = (server) => held({ server, interval: QUICK_MS });

const held = (said, head = {}) => async (request, response) => {
	let all = "";
	for await (const piece of agentcgi(request, said))
		all += piece;
	response.writeHead(200, { ...HEAD, ...head });
	response.end(all);
};

/* Three blocks: after ticks 4 and 8, and at the end. */
const inBlocks = (said) => async (request, response) => {
	let block = "";
	let n = 0;
	response.writeHead(200, HEAD);
	for await (const piece of agentcgi(request, said)) {
		block += piece;
		if (++n !== 5 && n !== 9)
			continue;
		response.write(block);
		block = "";
	}
	response.end(block);
};

const gzipped = (flush) => async (request, response) => {
	const gzip = zlib.createGzip({ flush });
	response.writeHead(200, { ...HEAD, "Content-Encoding": "gzip" });
	gzip.pipe(response);
	for await (const piece of agentcgi(request, { server: FCGID }))
		gzip.write(piece);
	gzip.end();
};

/* After four ticks: an end without done, or none at all. */
const cut = (end) => async (request, response) => {
	let n = 0;
	response.writeHead(200, HEAD);
	for await (const piece of agentcgi(request)) {
		response.write(piece);
		if (++n === 5)
			break;
	}
	/* else what is on its way would go with it */
	await sleep(INTERVAL_MS);
	if (end)
		response.end();
	else
		response.destroy();
};

const answering = (status, type, body) => (request, response) => {
	response.writeHead(status, { "Content-Type": type });
	response.end(body);
};

const ownError = (status, code, message) => (request, response) => {
	response.writeHead(status, { "Content-Type": "application/json",
		"X-Request-Id": "request-9" });
	response.end(JSON.stringify({ error:
		{ code, message, requestId: "request-9", retryable: false } }));
};

const isProbe = (request) => request.headers.authorization !== undefined;

function sendFile(name, response) {
	const file = path.join(HTDOCS, path.basename(name));
	const type = TYPES[path.extname(file)];
	if (type === undefined || !fs.existsSync(file)) {
		response.writeHead(404).end();
		return;
	}
	response.writeHead(200, { "Content-Type": type });
	response.end(fs.readFileSync(file));
}

/* A web server with the pages at /agentcgi/ and handlers by their path. */
async function serve(handlers) {
	const requests = [];
	const server = http.createServer((request, response) => {
		const { pathname } = new URL(request.url, "http://localhost");
		const handler = handlers[pathname];
		response.on("error", () => {});
		if (pathname.startsWith("/agentcgi/")) {
			sendFile(pathname, response);
			return;
		}
		requests.push(request);
		if (handler !== undefined)
			handler(request, response);
		else
			answering(404, "text/html", "<h1>Not Found</h1>")(request, response);
	});
	await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
	return {
		requests,
		port: server.address().port,
		stop() {
			server.closeAllConnections();
			return new Promise((resolve) => server.close(resolve));
		},
	};
}

/* --- the browser side --- */

const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS,
	env: { ...process.env, HOME: temporary() } });

/* Runs in the page before its own scripts. */
function watch() {
	window.violations = [];
	document.addEventListener("securitypolicyviolation", (e) =>
		window.violations.push(`${e.violatedDirective} ${e.blockedURI}`));
}

/* A test with a fresh page before a fresh server, which must end without a
 * violation of the policy, an error or a word on the console but those that
 * allow matches.  handlers may be the one for /api/selftest. */
function pageTest(name, handlers, fn,
	{ allow, query = "", host = "127.0.0.1", ...options } = {}) {
	test(name, async () => {
		const server = await serve(typeof handlers === "function"
			? { "/api/selftest": handlers } : handlers);
		const context = await browser.newContext({ locale: "en-GB", ...options });
		context.setDefaultTimeout(PATIENCE_MS);
		const said = [];
		context.on("weberror", (e) => said.push(String(e.error())));
		context.on("console", (m) => said.push(m.text()));
		try {
			const page = await context.newPage();
			await page.addInitScript(watch);
			await page.goto(`http://${host}:${server.port}/agentcgi/`
				+ `selftest.html${query}`);
			await fn(page, server, context);
			if (options.javaScriptEnabled !== false)
				assert.deepEqual(await page.evaluate("window.violations"), []);
			assert.deepEqual(said.filter((s) => !allow?.test(s)), []);
		} finally {
			await context.close();
			await server.stop();
		}
	});
}

const has = (locator, text) =>
	locator.filter({ hasText: text }).waitFor();
const again = (page) => page.locator("#again");

/* {verdict, compressed, authorization}, when there is a verdict. */
async function result(page) {
	const root = page.locator("html[data-verdict]");
	await root.waitFor();
	return root.evaluate((node) => ({ ...node.dataset }));
}

/* Runs it until this is the verdict, and then returns the whole result. */
async function resultOf(page, verdict) {
	for (let i = 1; ; i++) {
		const found = await result(page);
		if (found.verdict === verdict || i === RUNS)
			return found;
		await again(page).click();
	}
}

const headline = (page) => page.locator("#headline").textContent();
const lines = (page) => page.locator("#todo code").allTextContents();
const asides = (page) => page.locator("#aside code").allTextContents();

async function fact(page, name) {
	const facts = await page.locator("#facts > *").allTextContents();
	const at = facts.indexOf(name);
	return at < 0 ? undefined : facts[at + 1];
}

const reportText = (page) => page.locator("#report").textContent();

/* --- verdicts --- */

pageTest("a server that streams", streaming(), async (page, server) => {
	assert.deepEqual(await resultOf(page, "streams"),
		{ verdict: "streams", compressed: "no", authorization: "ok" });
	assert.equal(await page.title(), "Does this server stream?");
	assert.equal(await headline(page), "This server streams.");
	assert.match(await page.locator("#details").textContent(),
		/^Each of 10 ticks arrived within \d+ ms of its time\.$/);
	assert.equal(await page.locator("#verdict").getAttribute("data-tone"), "good");
	assert.equal(await page.locator("#todo").isVisible(), false);
	assert.equal(await page.locator("#aside").isVisible(), false);

	assert.equal(await fact(page, "Address"),
		`http://127.0.0.1:${server.port}/api/selftest`);
	assert.equal(await fact(page, "Web server"), "nginx/1.22.1");
	assert.equal(await fact(page, "Gateway"), "FastCGI");
	assert.equal(await fact(page, "Protocol"),
		"HTTP/1.1 at the server, http/1.1 in this browser");
	assert.equal(await fact(page, "In front"), undefined);
	assert.equal(await fact(page, "Compression"), "none");
	assert.equal(await fact(page, "Authorization"), "passed on");
	assert.equal(await fact(page, "Request"), "request-1");
});

pageTest("what it asks: one measurement, one probe, no cookies in that",
	streaming(), async (page, server) => {
		await result(page);
		assert.equal(server.requests.length, 2);
		const [probe] = server.requests.filter(isProbe);
		const [plain] = server.requests.filter((r) => !isProbe(r));
		for (const request of [probe, plain]) {
			assert.equal(request.method, "GET");
			assert.equal(request.headers.accept, "text/event-stream");
		}
		assert.equal(probe.headers.authorization, "Bearer agentcgi-selftest");
		assert.equal(plain.headers.cookie, "a=b");
		assert.equal(probe.headers.cookie, undefined);
	}, { storageState: { origins: [], cookies: [{ name: "a", value: "b",
		domain: "127.0.0.1", path: "/", expires: -1, httpOnly: false,
		secure: false, sameSite: "Lax" }] } });

pageTest("held until the end by mod_fcgid", held({ server: FCGID }),
	async (page) => {
		assert.deepEqual(await result(page),
			{ verdict: "held", compressed: "no", authorization: "ok" });
		assert.equal(await headline(page),
			"This server holds answers back until their end.");
		assert.equal(await page.locator("#verdict").getAttribute("data-tone"),
			"bad");
		assert.deepEqual(await lines(page), ["FcgidOutputBufferSize 0",
			"AddHandler cgi-script .cgi", "proxy_buffering off;"]);
		assert.equal(await fact(page, "Gateway"), "mod_fcgid");
		assert.equal(await page.locator(".chart .way.late").count() > 0, true);
	});

pageTest("held by something in front of an nginx that is told not to",
	held(), async (page) => {
		assert.equal((await result(page)).verdict, "held");
		assert.deepEqual(await lines(page), ["proxy_buffering off;"]);
		await has(page.locator("#todo"), "X-Accel-Buffering: no");
	});

pageTest("held by a proxy that names itself",
	held({ server: FCGID }, { Server: "nginx" }), async (page) => {
		assert.equal((await result(page)).verdict, "held");
		await has(page.locator("#todo"),
			"Another server stands in front: nginx.");
		assert.equal(await fact(page, "In front"), "nginx");
		assert.equal((await lines(page)).at(-1), "proxy_buffering off;");
	});

pageTest("held in three blocks", inBlocks({ server: FCGID }),
	async (page) => {
		assert.equal((await result(page)).verdict, "blocks");
		assert.equal(await headline(page),
			"This server holds answers back in blocks.");
		await has(page.locator("#details"), "They arrived in 3 blocks");
		assert.equal((await lines(page))[0], "FcgidOutputBufferSize 0");
	});

pageTest("compressed, and streams all the same",
	gzipped(zlib.constants.Z_SYNC_FLUSH), async (page) => {
		assert.deepEqual(await resultOf(page, "streams"),
			{ verdict: "streams", compressed: "yes", authorization: "ok" });
		assert.equal(await page.locator("#todo").isVisible(), false);
		assert.deepEqual(await asides(page), ["SetEnv no-gzip 1"]);
		assert.equal(await fact(page, "Compression"), "gzip");
	});

pageTest("compressed, and therefore held",
	gzipped(zlib.constants.Z_NO_FLUSH), async (page) => {
		const found = await result(page);
		assert.equal(found.verdict, "held");
		assert.equal(found.compressed, "yes");
		assert.equal((await lines(page))[0], "SetEnv no-gzip 1");
		await has(page.locator("#todo"), "The answer is compressed (gzip)");
	});

for (const [name, end] of [["as if complete", true], ["by force", false]]) {
	pageTest(`cut ${name}`, cut(end), async (page) => {
		const found = await result(page);
		assert.equal(found.verdict, "cut");
		assert.equal(found.authorization, "ok");
		assert.equal(await headline(page), "The stream was cut off.");
		await has(page.locator("#details"),
			"4 ticks arrived, but not the end.");
	}, { allow: FAILED });
}

pageTest("ended by an error in the stream", async (request, response) => {
	response.writeHead(200, HEAD);
	response.end(event("server", { ...NGINX, authorization: false })
		+ event("", { tick: 1, ms: 0 })
		+ event("error", { error: { code: "overloaded",
			message: "agentcgi is stopping.", requestId: "request-1",
			retryable: true } })
		+ event("done", { reason: "error" }));
}, async (page) => {
	assert.equal((await result(page)).verdict, "cut");
	await has(page.locator("#details"), "agentcgi is stopping.");
	await has(page.locator("#todo"), "request-1");
});

pageTest("no server", () => {}, async (page, server) => {
	await page.route("**/api/selftest*", (route) =>
		route.abort("connectionrefused"));
	await again(page).click();
	assert.deepEqual(await result(page), { verdict: "unreachable" });
	assert.equal(await headline(page), "The server could not be reached.");
	await has(page.locator("#details"),
		`http://127.0.0.1:${server.port}/api/selftest was tried.`);
	assert.equal(await page.locator("#figure").isVisible(), false);
	assert.equal(await page.locator("#numbers").isVisible(), false);
}, { allow: FAILED });

/* --- not there, or not allowed in --- */

for (const [name, handler, kind] of [
	["the web server's 404", answering(404, "text/html", "<h1>No</h1>"),
		"404 text/html"],
	["a page instead of a stream",
		answering(200, "text/html; charset=utf-8", "<h1>Welcome</h1>"),
		"200 text/html"],
	["somebody else's stream",
		answering(200, "text/event-stream", "data: price 7\n\n"),
		"200 text/event-stream"],
	["the program itself", answering(200, "application/octet-stream", "\x7fELF"),
		"200 application/octet-stream"],
]) {
	pageTest(`the base path is wrong: ${name}`, handler,
		async (page, server) => {
			assert.deepEqual(await result(page), { verdict: "base" });
			assert.equal(await headline(page),
				"agentcgi is not at this address.");
			await has(page.locator("#details"),
				`http://127.0.0.1:${server.port}/api/selftest was tried. `
				+ `Not agentcgi but the web server answered: ${kind}.`);
			assert.deepEqual(await lines(page), [
				'<meta name="agentcgi-api" content="/api/">',
				"?api=/cgi-bin/agentcgi/",
			]);
		}, { allow: FAILED });
}

pageTest("the base path is wrong: a redirect to a sign-in", {
	"/api/selftest": (request, response) =>
		response.writeHead(302, { Location: "/login" }).end(),
	"/login": answering(200, "text/html", "<h1>Sign in</h1>"),
}, async (page, server) => {
	assert.deepEqual(await result(page), { verdict: "base" });
	await has(page.locator("#todo"),
		`redirected to http://127.0.0.1:${server.port}/login.`);
});

pageTest("the base path is wrong: agentcgi's own 404",
	ownError(404, "not_found", "There is nothing here."), async (page) => {
		assert.deepEqual(await result(page), { verdict: "base" });
		assert.equal(await headline(page),
			"agentcgi answers, but not as a self-test.");
		await has(page.locator("#details"), "There is nothing here.");
		assert.deepEqual(await lines(page), ["mount = /api"]);
		assert.equal(await fact(page, "Request"), "request-9");
	}, { allow: FAILED });

for (const [status, code] of [
	[401, "unauthorised"], [403, "forbidden"], [503, "overloaded"],
]) {
	pageTest(`agentcgi's own ${status}`,
		ownError(status, code, "These are its words."), async (page) => {
			assert.deepEqual(await result(page), { verdict: "refused" });
			assert.equal(await headline(page),
				`agentcgi refuses: status ${status}.`);
			await has(page.locator("#details"), "These are its words.");
			await has(page.locator("#todo"), "request-9");
		}, { allow: FAILED });
}

for (const [status, words] of [
	[401, "asks who may come in"], [403, "asks who may come in"],
	[500, "error log"], [502, "cannot talk to agentcgi"],
	[503, "cannot talk to agentcgi"],
]) {
	pageTest(`the web server's own ${status}`,
		answering(status, "text/html", "<h1>No</h1>"), async (page) => {
			assert.deepEqual(await result(page), { verdict: "refused" });
			assert.equal(await headline(page),
				`The web server refuses: status ${status}.`);
			await has(page.locator("#todo"), words);
		}, { allow: FAILED });
}

/* --- Authorization --- */

pageTest("Authorization is lost on the way: a warning only",
	streaming({ server: FCGID, authorization: false }), async (page) => {
		assert.deepEqual(await resultOf(page, "streams"),
			{ verdict: "streams", compressed: "no", authorization: "lost" });
		assert.equal(await headline(page), "This server streams.");
		assert.equal(await page.locator("#todo").isVisible(), false);
		assert.deepEqual(await asides(page), ["CGIPassAuth On"]);
	});

for (const status of [401, 403]) {
	pageTest(`the web server checks Authorization itself: ${status}`,
		(request, response) => isProbe(request)
			? answering(status, "text/html", "<h1>No</h1>")(request, response)
			: quick()(request, response),
		async (page) => {
			assert.deepEqual(await result(page),
				{ verdict: "held", compressed: "no", authorization: "checked" });
			await has(page.locator("#aside"), "That is fine");
		}, { allow: FAILED });
}

pageTest("of Authorization nothing is said that is not known",
	(request, response) => isProbe(request)
		? answering(500, "text/html", "<h1>Oops</h1>")(request, response)
		: quick()(request, response),
	async (page) => {
		assert.deepEqual(await result(page),
			{ verdict: "held", compressed: "no" });
		assert.equal(await fact(page, "Authorization"), undefined);
	}, { allow: FAILED });

/* --- where agentcgi is --- */

pageTest("?api= names another path", {
	"/cgi-bin/agentcgi/selftest": quick(FCGID),
}, async (page, server) => {
	assert.equal((await result(page)).verdict, "held");
	assert.equal(await fact(page, "Address"),
		`http://127.0.0.1:${server.port}/cgi-bin/agentcgi/selftest`);
	assert.equal(await page.locator("p.note").count(), 0);
}, { query: "?api=/cgi-bin/agentcgi" });

pageTest("?api= of another origin is told, and not used",
	answering(404, "text/html", ""), async (page, server) => {
		assert.equal((await result(page)).verdict, "base");
		await has(page.locator("p.note"), "?api=//evil.example/");
		assert.equal(await fact(page, "Address"),
			`http://127.0.0.1:${server.port}/api/selftest`);
	}, { query: "?api=//evil.example/", allow: FAILED });

/* --- the page --- */

/* A server whose ticks are let go one by one, of the last request. */
function gated() {
	let gates = [];
	const handler = (request, response) => {
		const mine = gates = [];
		return streaming({ wait: () =>
			new Promise((resolve) => mine.push(resolve)) })(request, response);
	};
	return {
		handler: (request, response) => isProbe(request)
			? answering(500, "text/html", "")(request, response)
			: handler(request, response),
		async go() {
			while (gates.length === 0)
				await sleep(10);
			gates.shift()();
		},
	};
}

const live = gated();
pageTest("it is drawn while it runs", live.handler, async (page) => {
	const svg = page.locator(".chart");
	await has(page.locator("#headline"), "Measuring…");
	assert.equal(await svg.getAttribute("role"), "img");
	assert.equal(await svg.getAttribute("aria-label"),
		"No tick has arrived yet.");
	assert.equal(await svg.locator(".planned").count(), 10);
	for (let n = 1; n <= TICKS; n++) {
		await live.go();
		/* the end comes with the last one */
		if (n === TICKS)
			break;
		await has(page.locator("#details"),
			`${n} of 10 ticks have arrived.`);
		assert.equal(await svg.locator(".arrived").count(), n);
		assert.equal(await svg.locator(".planned").count(), 10 - n);
		assert.equal(await page.locator("html[data-verdict]").count(), 0);
	}
	await result(page);
	assert.equal(await svg.locator(".arrived").count(), 10);
	assert.match(await svg.getAttribute("aria-label"), /^10 ticks, sent over /);
}, { allow: FAILED });

pageTest("the same numbers as a table", quick(), async (page) => {
	await result(page);
	assert.equal(await page.locator("#rows").isVisible(), false);
	await page.locator("#numbers summary").focus();
	await page.keyboard.press("Enter");
	assert.equal(await page.locator("#rows").isVisible(), true);
	const rows = await page.locator("#rows tr").evaluateAll((all) =>
		all.map((row) => [...row.cells].map((c) => Number(c.textContent))));
	assert.deepEqual(rows.map(([tick]) => tick),
		Array.from({ length: TICKS }, (_, i) => i + 1));
	/* each number rounded by itself */
	for (const [, sent, arrived, late] of rows)
		assert.ok(Math.abs(arrived - sent - late) <= 1);
	assert.equal(await page.locator("table").getAttribute("role"), null);
	assert.equal(await page.locator("caption").textContent(),
		"When each tick was sent, and when it arrived");
});

const both = gated();
pageTest("a new run takes the place of one under way", both.handler,
	async (page, server) => {
		await both.go();
		await has(page.locator("#details"), "1 of 10 ticks");
		await again(page).focus();
		await page.keyboard.press("Enter");
		await has(page.locator("#details"), "0 of 10 ticks");
		for (let n = 1; n <= TICKS; n++) {
			await both.go();
			if (n < TICKS)
				await has(page.locator("#details"), `${n} of 10 ticks`);
		}
		await result(page);
		assert.equal(await page.locator("#rows tr").count(), 10);
		assert.equal(await again(page).evaluate((node) =>
			node === document.activeElement), true);
		assert.equal(server.requests.filter((r) => !isProbe(r)).length, 2);
	}, { allow: FAILED });

pageTest("a line is copied, and the report", quick(FCGID),
	async (page, server, context) => {
		await context.grantPermissions(["clipboard-read", "clipboard-write"]);
		await result(page);
		const copied = () => page.evaluate(() => navigator.clipboard.readText());

		const button = page.locator("#todo .line button").first();
		await button.click();
		await has(button, "Copied");
		assert.equal(await copied(), "FcgidOutputBufferSize 0");
		await has(button, "Copy");

		await page.locator("#copy").click();
		await has(page.locator("#copy"), "Copied");
		const report = await copied();
		assert.equal(report, await reportText(page));
		for (const words of ["verdict: held", "gateway: mod_fcgid",
			"server: Apache/2.4.71 (Debian)", "FcgidOutputBufferSize 0",
			"This server holds answers back until their end.",
			`address: http://127.0.0.1:${server.port}/api/selftest`,
			"request: request-1"])
			assert.ok(report.includes(words), words);
		assert.match(report, /^ +10 +\d+ +\d+ +\d+$/m);
		assert.ok(!report.includes("Bearer"));
	});

pageTest("copied over plain HTTP, where there is no clipboard",
	quick(FCGID), async (page) => {
		await result(page);
		assert.equal(await page.evaluate("navigator.clipboard"), undefined);
		const button = page.locator("#todo .line button").first();
		await button.click();
		await has(button, "Copied");
		assert.equal(await page.evaluate("String(getSelection())"),
			"FcgidOutputBufferSize 0");
		await page.locator("#copy").click();
		await has(page.locator("#copy"), "Copied");
		assert.equal(await page.locator("#report").isVisible(), true);
	}, { host: PLAIN_HOST });

pageTest("markup in what the server says is text", quick({
	software: "<img src=x onerror=alert(1)>", gateway: "<b>CGI</b>",
	protocol: 7, advice: { stream: "<i>line</i>", compression: {} } }),
async (page) => {
	assert.equal((await result(page)).verdict, "held");
	assert.equal(await fact(page, "Web server"), "<img src=x onerror=alert(1)>");
	assert.equal((await lines(page))[0], "<i>line</i>");
	assert.equal(await page.locator("main img, main b, main i").count(), 0);
});

pageTest("there and back from the page one asks at", quick(), async (page) => {
	await page.locator("footer a").click();
	await page.waitForURL("**/index.html");
	await page.locator("#to-selftest a").click();
	await page.waitForURL("**/selftest.html");
	await result(page);
});

pageTest("in Japanese for those who read it first", quick(FCGID),
	async (page) => {
		await result(page);
		assert.equal(await page.locator("html").getAttribute("lang"), "ja");
		assert.equal(await page.title(), "ストリーミングの自己診断");
		assert.equal(await headline(page),
			"このサーバーは回答を最後までため込みます。");
		assert.equal(await fact(page, "接続方式"), "mod_fcgid");
		assert.equal(await page.getByText(/undefined|\[object/).count(), 0);
	}, { locale: "ja-JP" });

pageTest("320 px wide: nothing to scroll sideways", quick({
	...FCGID, software: "Apache/2.4.71_(Debian)_with_modules".repeat(5),
	advice: { stream: "SetEnvIf Authorization \"^(.*)$\" "
		+ "HTTP_AUTHORIZATION=$1".repeat(5) } }),
async (page) => {
	await result(page);
	for (const summary of await page.locator("summary").all())
		await summary.click();
	assert.equal(await page.evaluate("innerWidth"), 320);
	assert.ok(await page.evaluate(() => {
		const { scrollWidth, clientWidth } = document.documentElement;
		return scrollWidth <= clientWidth;
	}));
}, { viewport: { width: 320, height: 568 } });

for (const colorScheme of ["light", "dark"]) {
	pageTest(`${colorScheme}: text stands out from its ground`,
		quick(FCGID), async (page) => {
			await result(page);
			for (const summary of await page.locator("summary").all())
				await summary.click();
			for (const tone of ["bad", "fair", "good", "none"]) {
				await page.locator("#verdict").evaluate(
					(node, value) => { node.dataset.tone = value; }, tone);
				assert.deepEqual(await page.evaluate(lowContrast), [], tone);
			}
		}, { colorScheme });
}

/* In the page: what has less than 4.5 to 1. */
function lowContrast() {
	const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
	const light = (colour) => parse(colour).slice(0, 3)
		.map((v) => v / 255)
		.map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const ground = (node) => {
		const colour = getComputedStyle(node).backgroundColor;
		return parse(colour)[3] === 0 ? ground(node.parentElement) : colour;
	};
	return [["h1"], [".lead"], ["#headline"], ["#details p"], ["#todo h2"],
		["#todo p"], [".line code"], [".line button"], ["#facts dt"],
		["#facts dd"], ["th"], ["td"], ["summary"], ["#report"], ["#copy"],
		["footer a"], [".chart .time", "fill"], [".chart .row-name", "fill"]]
		.map(([selector, property = "color"]) => {
			const node = document.querySelector(selector);
			const [a, b] = [light(getComputedStyle(node)[property]),
				light(ground(node))].sort((x, y) => y - x);
			return [selector, (a + 0.05) / (b + 0.05)];
		})
		.filter(([, contrast]) => !(contrast >= 4.5));
}

pageTest("without JavaScript: the raw ticks", streaming(),
	async (page, server) => {
		const link = page.locator("noscript a");
		assert.equal(await link.isVisible(), true);
		assert.equal(await again(page).isVisible(), false);
		assert.equal(await page.locator("#verdict").isVisible(), false);
		assert.equal(await link.evaluate((node) => node.href),
			`http://127.0.0.1:${server.port}/api/selftest`);
	}, { javaScriptEnabled: false, allow: FAILED });

await run(async () => {
	await browser.close();
	await stopAll();
});
