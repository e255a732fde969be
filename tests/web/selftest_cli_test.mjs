// agentcgi selftest URL: through real web servers, and against servers that
// do wrong in ways that are hard to configure.

import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import path from "node:path";
import { AGENTCGI, lazyBed, startBed } from "../lib/servers.mjs";
import { makeCertificate } from "../lib/certs.mjs";
import { freePort, runToEnd, start, stopAll, temporary, until } from "../lib/proc.mjs";
import { fetchAll, open } from "../lib/sse.mjs";
import { assert, run, test } from "../lib/tap.mjs";

const LIGHTTPD = process.env.LIGHTTPD ?? "/usr/sbin/lighttpd";
const LIGHTTPD_MODULES = process.env.LIGHTTPD_MODULES;
const TICKS = 10;

// No proxy, no authorities but the system's, and no CGI.
function environment(more = {}) {
	const env = { ...process.env, ...more };
	for (const name of Object.keys(env)) {
		if (/_proxy$/i.test(name) || (!(name in more)
			&& /^(AWS_CA_BUNDLE|SSL_CERT_FILE|GATEWAY_INTERFACE|REQUEST_METHOD)$/.test(name)))
			delete env[name];
	}
	return env;
}

const selftest = (url, env) =>
	runToEnd([AGENTCGI, "selftest", ...(url === undefined ? [] : [url])],
		{ env: environment(env) });

// What it says of url: exit code, and each of the words somewhere.
async function says(url, code, words, env) {
	const done = await selftest(url, env);
	const all = done.out + done.err;
	assert.equal(done.code, code, all);
	for (const word of words)
		assert.ok(all.includes(word), `no "${word}" in:\n${all}`);
	return done;
}

// Until it streams: a busy machine makes a tick late now and then.
async function streams(url) {
	let done;
	for (let i = 0; i < 5 && done?.code !== 0; i++)
		done = await selftest(url);
	assert.equal(done.code, 0, done.out + done.err);
	return done;
}

const ticksOf = ({ out }) =>
	out.split("\n").filter((line) => /^\s+\d+\s+\d+\s+\d+\s+-?\d+$/.test(line));

/* ---- real web servers ---- */

const lighttpd = lazyBed({ front: "lighttpd" });

// lighttpd as it is out of the box, before the agentcgi of a bed.
async function holdingFront(bed) {
	const dir = temporary();
	const port = await freePort();
	const file = path.join(dir, "lighttpd.conf");
	fs.writeFileSync(file, `server.modules = ( "mod_fastcgi" )
server.document-root = "${dir}"
server.upload-dirs = ( "${dir}" )
server.bind = "127.0.0.1"
server.port = ${port}
fastcgi.server = ( "/api" => (( "socket" => "${bed.socket}", "check-local" => "disable" )) )
`);
	const modules = LIGHTTPD_MODULES ? ["-m", LIGHTTPD_MODULES] : [];
	const web = start([LIGHTTPD, "-D", "-f", file, ...modules], { cwd: dir });
	const url = `http://127.0.0.1:${port}/api`;
	await until(async () => (await fetchAll(`${url}/health`)).status === 200, "lighttpd");
	return { url, stop: () => web.stop() };
}

for (const front of ["lighttpd", "nginx", "lighttpd-cgi"]) {
	test(`${front}: it streams`, async () => {
		const bed = front === "lighttpd" ? await lighttpd() : await startBed({ front });
		const done = await streams(`${bed.url}/`);
		for (const word of [`${bed.url}/selftest\n`, front.split("-")[0], "\nstreams: ",
			"\nnot compressed\n", "\nAuthorization arrives\n"])
			assert.ok(done.out.includes(word), done.out);
		assert.equal(ticksOf(done).length, TICKS, done.out);
		assert.equal(done.err, "");
		if (front !== "lighttpd")
			await bed.stop();
	});
}

test("the URL may lack its slash or name the self-test itself", async () => {
	const { url } = await lighttpd();
	const all = await Promise.all([url, `${url}/selftest`, `${url}/selftest/`,
		`${url}/?a=b`, url.replace("//", "//user:secret@")].map(streams));
	for (const { out } of all)
		assert.equal(out.split("\n")[0], `${url}/selftest`);
});

test("lighttpd with its defaults: held back, and the line that mends it", async () => {
	const front = await holdingFront(await lighttpd());
	const done = await says(front.url, 1, ["\nheld back until the end: ",
		"\n      server.stream-response-body = 2\n", "\nAuthorization arrives\n"]);
	assert.equal(ticksOf(done).length, TICKS, done.out);
	await front.stop();
});

test("where agentcgi is not mounted", async () => {
	const bed = await lighttpd();
	await says(`${bed.origin}/nothing/`, 1,
		["base path wrong: HTTP 404", "from the web server"]);
	await says(`${bed.origin}/bed.txt`, 1, ["base path wrong: HTTP 200 (text/plain"]);
});

test("where agentcgi is, but thinks that it is elsewhere", async () => {
	const bed = await startBed({ front: "lighttpd", globals: { mount: "/elsewhere" } });
	await says(bed.url, 1, ["base path wrong: agentcgi answered 404 (not_found)", "mount"]);
	await bed.stop();
});

test("agentcgi without a configuration", async () => {
	const bed = await startBed({ front: "lighttpd", noFile: () => ({}) });
	await says(bed.url, 1, ["refused: agentcgi answered 503 (overloaded)", "agentcgi -t"]);
	await bed.stop();
});

test("a web server without its agentcgi", async () => {
	const bed = await startBed({ front: "nginx" });
	await bed.agentcgi.stop();
	await says(bed.url, 1, ["unreachable: HTTP 502", "socket"]);
	await bed.stop();
});

test("nobody listens, no such host", async () => {
	await says(`http://127.0.0.1:${await freePort()}/`, 1, ["unreachable: no answer"]);
	await says("http://nothing.invalid/", 1, ["unreachable: no answer"]);
});

test("wrong use", async () => {
	for (const url of [undefined, "example.org/api/", "ftp://example.org/", "http://", "-x"]) {
		const done = await selftest(url);
		assert.equal(done.code, 64, `${url}: ${done.out}${done.err}`);
		assert.match(done.err, /^agentcgi: .*selftest|^agentcgi: -x/);
	}
});

/* ---- servers that do wrong ---- */

const SERVER = { software: "Odd/1.0", gateway: "FastCGI", protocol: "HTTP/1.1",
	authorization: true, advice: { stream: "a line", compression: null, authorization: null } };

const event = (name, data) =>
	`${name ? `event: ${name}\n` : ""}data: ${JSON.stringify(data)}\n\n`;
const head = (response) =>
	response.writeHead(200, { "content-type": "text/event-stream" });
const tick = (n) => event("", { tick: n, ms: 300 * (n - 1) });
const ticks = (n) => Array.from({ length: n }, (_, i) => tick(i + 1)).join("");

// What a fake answers, and what is said of it.
async function fake(answer, code, words, { tls, env } = {}) {
	const requests = [];
	const server = (tls ? https : http).createServer({ ...tls }, (request, response) => {
		requests.push(request.headers);
		answer(request, response);
	});
	await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
	const url = `http${tls ? "s" : ""}://127.0.0.1:${server.address().port}/api/`;
	const done = await says(url, code, words, env).finally(() => {
		server.closeAllConnections();
		server.close();
	});
	return { ...done, requests };
}

// All at once, whatever their times say.
function atOnce(response, server = SERVER) {
	head(response);
	response.end(event("server", server) + ticks(TICKS)
		+ event("done", { reason: "complete" }));
}

test("each request is what it should be", async () => {
	const { requests } = await fake((request, response) => {
		if (request.headers["accept-encoding"])
			response.setHeader("content-encoding", "br");
		atOnce(response);
	}, 1, ["compressed (br)", "held back until the end"]);
	assert.deepEqual(requests.map((r) => r["accept-encoding"]),
		["gzip, br, zstd", undefined, undefined]);
	assert.deepEqual(requests.map((r) => r.authorization),
		[undefined, undefined, "Bearer agentcgi-selftest"]);
	for (const { accept } of requests)
		assert.equal(accept, "text/event-stream");
});

test("held in blocks", async () => {
	await fake((_, response) => {
		head(response);
		response.write(event("server", SERVER) + tick(1));
		setTimeout(() => response.end(ticks(TICKS).replace(tick(1), "")
			+ event("done", { reason: "complete" })), 900);
	}, 1, ["held in blocks: ", "      a line\n"]);
});

test("Authorization lost is a warning; checked by the web server is neither", async () => {
	// Ticks that are never late.
	const onTime = (response, authorization) => {
		head(response);
		response.end(event("server", { ...SERVER, authorization,
			advice: { authorization: "pass it" } })
			+ event("", { tick: 1, ms: 0 }) + event("", { tick: 2, ms: 1 })
			+ event("done", { reason: "complete" }));
	};
	await fake((_, response) => onTime(response, false), 0,
		["streams: ", "Authorization lost: a warning", "      pass it\n"]);
	await fake((request, response) => {
		if (request.headers.authorization)
			response.writeHead(401, { "www-authenticate": "Basic realm=x" }).end();
		else
			onTime(response, false);
	}, 0, ["streams: ", "Authorization is checked by the web server itself"]);
	await fake((request, response) => {
		if (request.headers.authorization)
			response.writeHead(500).end("sorry");
		else
			onTime(response, false);
	}, 0, ["streams: ", "Authorization: not known"]);
});

test("cut, stopped, failed, redirected, forbidden", async () => {
	await fake((_, response) => {
		head(response);
		response.write(event("server", SERVER) + ticks(3));
		setTimeout(() => response.destroy(), 50);
	}, 1, ["cut: 3 ticks came, and then no done"]);
	await fake((_, response) => {
		head(response);
		response.end(event("server", SERVER) + ticks(3));
	}, 1, ["cut: 3 ticks came, and then no done"]);
	await fake((_, response) => {
		head(response);
		response.end(event("server", SERVER) + ticks(3) + event("done", { reason: "stopped" }));
	}, 1, ["cut: agentcgi ended it (stopped)"]);
	await fake((_, response) => response.writeHead(500).end("<html>"), 1, ["failed: HTTP 500"]);
	await fake((_, response) => response.writeHead(403).end(), 1, ["refused: HTTP 403"]);
	await fake((_, response) => response.writeHead(301,
		{ location: "https://elsewhere.example/api/" }).end(),
	1, ["base path wrong: HTTP 301", "redirects", "https://elsewhere.example/api/"]);
});

test("somebody else's stream", async () => {
	await fake((_, response) => {
		head(response);
		response.end("data: hello\n\n");
	}, 1, ["base path wrong: HTTP 200 (text/event-stream)"]);
});

test("what the other side says is shown without control characters", async () => {
	const evil = `${"\u001b[31mred\u0007\u009b\r\n\u202e"}${"x".repeat(1000)}`;
	const advice = { stream: `${evil}\n${evil}`, authorization: evil };
	const { out, err } = await fake((request, response) =>
		atOnce(response, { software: evil, gateway: evil, authorization: false, advice }),
	1, ["held back", "?[31mred"]);
	assert.doesNotMatch(out + err, /[^\n\x20-\x7e]/);
	assert.ok(out.length < 5000, `${out.length} bytes`);
	const refused = await fake((_, response) => response.writeHead(404,
		{ "content-type": "text/html;\u009b31m" }).end(), 1, ["base path wrong"]);
	assert.doesNotMatch(refused.out + refused.err, /[^\n\x20-\x7e]/);
});

test("TLS is verified", async () => {
	const { tls, ca } = await makeCertificate();
	const answer = (_, response) => atOnce(response);
	await fake(answer, 1, ["TLS failure: "], { tls });
	await fake(answer, 1, ["held back"], { tls, env: { SSL_CERT_FILE: ca } });
	const other = await makeCertificate("DNS:elsewhere.example");
	await fake(answer, 1, ["TLS failure: "], { tls: other.tls, env: { SSL_CERT_FILE: other.ca } });
});

/* ---- GET /selftest itself ---- */

test("GET /selftest is a stream of ten ticks without a session", async () => {
	const bed = await lighttpd();
	const reply = await bed.get("/selftest");
	assert.equal(reply.status, 200);
	assert.match(reply.headers["content-type"], /^text\/event-stream\b/);
	assert.match(reply.headers["cache-control"], /no-transform/);
	assert.equal(reply.headers["x-amzn-bedrock-agentcore-runtime-session-id"], undefined);
	assert.match(reply.text, /^: agentcgi\n/);
	assert.deepEqual(reply.events.map((e) => e.event),
		["server", ...Array(TICKS).fill(undefined), "done"]);
	assert.deepEqual(reply.data("done"), { reason: "complete" });
	const server = reply.data("server");
	assert.match(server.software, /^lighttpd/);
	assert.equal(server.gateway, "FastCGI");
	assert.equal(server.protocol, "HTTP/1.1");
	assert.equal(server.authorization, false);
	const said = reply.said.map((e) => JSON.parse(e.data));
	assert.deepEqual(said.map((t) => t.tick), said.map((_, i) => i + 1));
	said.forEach(({ ms }, i) => assert.ok(ms >= 300 * i - 5, `tick ${i + 1} at ${ms} ms`));
	assert.equal(said[0].ms, 0);
});

test("/selftest and other methods, reconnections and origins", async () => {
	const { url } = await lighttpd();
	const ask = (options) => fetchAll(`${url}/selftest`, options);
	const [headOnly, post, again, foreign] = await Promise.all([
		ask({ method: "HEAD" }), ask({ method: "POST", body: "x" }),
		ask({ headers: { "last-event-id": "selftest.3" } }),
		ask({ headers: { origin: "https://elsewhere.example" } }),
	]);
	assert.equal(headOnly.status, 200);
	assert.match(headOnly.headers["content-type"], /^text\/event-stream\b/);
	assert.equal(headOnly.text, "");
	assert.equal(post.status, 405);
	assert.equal(post.headers.allow, "GET, HEAD, OPTIONS");
	assert.equal(again.status, 204);
	assert.equal(foreign.status, 403);
});

test("64 at once are enough, and those that leave make room", async () => {
	const bed = await startBed({ front: "nginx" });
	// Each lasts 2.7 s: on a busy machine the first end before the last begin.
	const all = await Promise.all(Array.from({ length: 64 }, () => open(`${bed.url}/selftest`)));
	assert.deepEqual(new Set(all.map((r) => r.status)), new Set([200]));
	const refused = await until(async () => {
		const more = await Promise.all(Array.from({ length: 8 },
			() => open(`${bed.url}/selftest`)));
		all.push(...more.filter((reply) => reply.status === 200));
		return more.find((reply) => reply.status !== 200)?.ended;
	}, "one to be refused");
	assert.equal(refused.status, 503);
	assert.equal(refused.json().error.code, "overloaded");
	// They are no runs.
	assert.equal((await bed.answer("hi")).status, 200);
	all.forEach((reply) => reply.leave());
	await until(async () => {
		const reply = await open(`${bed.url}/selftest`);
		reply.leave();
		return reply.status === 200;
	}, "room again");
	await bed.stop();
});

// A self-test that has begun.
async function begun(bed) {
	const reply = await open(`${bed.url}/selftest`);
	await reply.spoken(2);
	return reply;
}

test("SIGTERM lets a self-test end, and then ends the service", async () => {
	const bed = await startBed({ front: "lighttpd" });
	const reply = await begun(bed);
	bed.agentcgi.kill("SIGTERM");
	await reply.ended;
	assert.deepEqual(reply.data("done"), { reason: "complete" });
	assert.deepEqual(await bed.agentcgi.exited, { code: 0, signal: null });
	await bed.stop();
});

test("SIGTERM with a self-test whose client leaves ends the service", async () => {
	const bed = await startBed({ front: "nginx" });
	const reply = await begun(bed);
	bed.agentcgi.kill("SIGTERM");
	reply.leave();
	assert.deepEqual(await bed.agentcgi.exited, { code: 0, signal: null });
	await bed.stop();
});

test("a self-test that outlasts drain_timeout is told stopped", async () => {
	const bed = await startBed({ front: "lighttpd", globals: { drain_timeout: "1s" } });
	const reply = await begun(bed);
	bed.agentcgi.kill("SIGTERM");
	await reply.ended;
	assert.deepEqual(reply.data("done"), { reason: "stopped" });
	assert.equal(reply.cut, false);
	assert.deepEqual(await bed.agentcgi.exited, { code: 0, signal: null });
	await bed.stop();
});

test("CGI: SIGTERM: stopped, and the process is gone", async () => {
	const bed = await startBed({ front: "lighttpd-cgi" });
	const reply = await begun(bed);
	const [pid] = bed.agentcgiPids();
	process.kill(pid, "SIGTERM");
	await reply.ended;
	assert.deepEqual(reply.data("done"), { reason: "stopped" });
	await until(() => bed.agentcgiPids().length === 0, "the process to end");
	await bed.stop();
});

await run(stopAll);
