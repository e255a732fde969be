// When an agent is asked once more, and when never: what its service saw, and
// what the client.  The first tests make a table, printed at their end.

import http from "node:http";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { ACCOUNT, CREDENTIALS, LEAK } from "../upstream/upstream.mjs";
import { lazyBed, startBed } from "../lib/servers.mjs";
import { makeCertificate } from "../lib/certs.mjs";
import { assertClean, assertFailedStream, assertRefused, assertStream } from "../lib/check.mjs";
import { freePort, stopAll, until } from "../lib/proc.mjs";
import { assert, note, run, test } from "../lib/tap.mjs";

// True statuses, however long all attempts take.
const PATIENT = { header_wait: "60s" };
// Of src/retry.c: what a bucket holds, and what a retry takes of it.
const BUCKET = 500;
const COST = 14;
// A loop's clock is read once in each of its turns: timers may be early by
// what else that turn did.
const EARLY_MS = 50;

// What the log must not have: whom it is for may read paths and addresses there.
const OF_UPSTREAM = [LEAK, "zebrawords", "arn:aws", ACCOUNT, "AKIALEAKED",
	CREDENTIALS.accessKeyId, CREDENTIALS.secretAccessKey];

let names = 0;
const newName = () => `s${++names}`;

// An upstream of a few lines, which knows no signatures: handle(request, res),
// request having body, prompt and number (from 1 for each prompt).
async function startPlain(handle, port = 0) {
	const seen = [];
	const server = http.createServer(async (request, res) => {
		const chunks = [];
		for await (const chunk of request)
			chunks.push(chunk);
		request.prompt = JSON.parse(Buffer.concat(chunks)).prompt;
		seen.push(request);
		request.number = seen.filter((r) => r.prompt === request.prompt).length;
		handle(request, res);
	});
	await new Promise((resolve, reject) => {
		server.once("error", reject);
		server.listen(port, "127.0.0.1", resolve);
	});
	return {
		seen,
		endpoint: `http://127.0.0.1:${server.address().port}`,
		close() {
			server.close();
			server.closeAllConnections();
		},
	};
}

function good(res) {
	res.writeHead(200, { "content-type": "text/event-stream" });
	res.end('data: "Hello "\n\ndata: "you"\n\n');
}

async function attempts(bed, name) {
	return (await bed.upstream.stats()).attempts[name] ?? 0;
}

// When the upstream had each attempt.
async function times(bed, name) {
	const { streams } = await bed.upstream.stats();
	return streams.filter((s) => s.stream === name).map((s) => s.begun);
}

/* ---- the table ---- */

/* What the service answers, and what becomes of it: whether it is asked
 * again, and how the client is refused. */
const THROTTLED = { http: 503, code: "upstream_throttled", retryable: true, after: "2" };
const refused = (code, retryable = false) => ({ http: 502, code, retryable, after: "-" });
const TABLE = [
	{ status: 400, type: "ValidationException", ...refused("upstream_error", true) },
	{ status: 400, type: "ThrottlingException", again: true, ...THROTTLED },
	{ status: 401, type: "UnauthorizedException", ...refused("upstream_denied") },
	{ status: 402, type: "ServiceQuotaExceededException", ...THROTTLED },
	{ status: 403, type: "AccessDeniedException", ...refused("upstream_denied") },
	{ status: 404, type: "ResourceNotFoundException", ...refused("upstream_not_found") },
	{ status: 408, type: "ModelTimeoutException", http: 504, code: "upstream_timeout",
		retryable: true, after: "-" },
	{ status: 409, type: "RetryableConflictException", again: true, most: 4, ...refused("upstream_error", true) },
	{ status: 409, type: "ConflictException", ...refused("upstream_error", true) },
	{ status: 424, type: "RuntimeClientError", ...refused("agent_failed") },
	{ status: 429, type: "ThrottlingException", again: true, ...THROTTLED },
	{ status: 500, type: "InternalServerException", ...refused("upstream_error", true) },
	{ status: 502, ...refused("upstream_error", true) },
	{ status: 503, again: true, ...refused("upstream_error", true) },
	{ status: 503, type: "ServiceUnavailableException", again: true, ...refused("upstream_error", true) },
	{ status: 504, ...refused("upstream_error", true) },
];
const TIMES = { always: 99, once: 1, twice: 2 };
const ATTEMPTS = 3;
const lines = [];

function expected(row, bad) {
	if (!row.again)
		return { seen: 1, http: row.http };
	const most = row.most ?? ATTEMPTS;
	return { seen: Math.min(bad + 1, most), http: bad < most ? 200 : row.http };
}

function assertRow(row, bad, how, { reply, seen }) {
	const label = `${row.status} ${row.type ?? "-"}, ${how}`;
	const error = reply.status === 200 ? undefined : reply.json().error;
	lines.push([row.status, row.type ?? "-", how, seen, reply.status, error?.code ?? "-",
		error?.retryable ?? "-", reply.headers["retry-after"] ?? "-"]);
	const wanted = expected(row, bad);
	assert.deepEqual({ seen, http: reply.status }, wanted, label);
	if (wanted.http === 200) {
		assertStream(reply, "complete", label);
		assert.equal(reply.named("session").length, 1, label);
		return;
	}
	assertRefused(reply, row.http, row.code, label);
	assert.equal(error.retryable, row.retryable, label);
	assert.equal(reply.headers["retry-after"] ?? "-", row.after, label);
}

const table = lazyBed({ globals: PATIENT });
// Here nothing comes with the status: no name, no body, no Date.
const bare = await startPlain((request, res) => {
	const [status, bad] = request.prompt.split(" ");
	if (request.number > Number(bad))
		return good(res);
	res.sendDate = false;
	res.writeHead(Number(status), { "content-length": 0 });
	res.end();
});
const bareBed = lazyBed({ globals: PATIENT,
	agents: { default: { endpoint: bare.endpoint } } });

for (const row of TABLE) {
	test(`${row.status} ${row.type ?? "without a word"}`, async () => {
		for (const [how, bad] of Object.entries(TIMES)) {
			const name = newName();
			if (row.type) {
				const bed = await table();
				const reply = await bed.answer(
					`[[refuse status=${row.status} type=${row.type} times=${bad} stream=${name}]] fine`);
				assertRow(row, bad, how, { reply, seen: await attempts(bed, name) });
				continue;
			}
			const prompt = `${row.status} ${bad} ${name}`;
			const reply = await (await bareBed()).answer(prompt);
			assertRow(row, bad, how,
				{ reply, seen: bare.seen.filter((r) => r.prompt === prompt).length });
		}
	});
}

test("the table", async () => {
	const all = [["upstream", "name", "answered", "attempts", "status", "code", "retryable",
		"Retry-After"], ...lines].map((line) => line.map(String));
	const width = all[0].map((_, i) => Math.max(...all.map((line) => line[i].length)));
	const text = all.map((line) => `| ${line.map((s, i) => s.padEnd(width[i])).join(" | ")} |`);
	text.splice(1, 0, `|${width.map((n) => "-".repeat(n + 2)).join("|")}|`);
	note(text.join("\n"));
	assert.equal(lines.length, TABLE.length * Object.keys(TIMES).length);
});

test("all of it again, when the headers are out already", async () => {
	const bed = await startBed({ globals: { header_wait: "0" } });
	const name = newName();
	assertFailedStream(await bed.answer(`[[refuse status=429 times=99 stream=${name}]] x`),
		"upstream_throttled");
	assert.equal(await attempts(bed, name), ATTEMPTS);
	const other = newName();
	const reply = await bed.answer(`[[refuse status=503 times=2 stream=${other}]] x`);
	assertStream(reply);
	assert.equal(reply.named("session").length, 1);
	await bed.stop();
});

/* ---- how long it waits ---- */

// At least so many ms between the first two attempts.
const WAITS = {
	"status=503 amz-retry-after=1500": 1500,
	"status=429 amz-retry-after=1500": 1500,
	"status=503 retry-after=2": 2000,
	"status=429 retry-after=2": 2000,
	// It is the end of a second that it names.
	"status=503 retry-date=3": 2000,
	"status=503 amz-retry-after=1500 retry-after=0": 1500,
	"status=409": 500,
	"status=409 amz-retry-after=0": 500,
	// Beyond reason: as much as we are ready to wait.
	"status=503 retry-after=86400": 5000,
	"status=503 amz-retry-after=99999999999999999999999 retry-after=1": 1000,
	"status=503 retry-after=soon": 0,
	"status=503 amz-retry-after=-5": 0,
	"status=503 retry-date=-100": 0,
};

for (const [how, least] of Object.entries(WAITS)) {
	test(`${how}: ${least} ms at least`, async () => {
		const bed = await table();
		const name = newName();
		assertStream(await bed.answer(`[[refuse ${how} times=1 stream=${name}]] fine`));
		const [first, again, ...more] = await times(bed, name);
		assert.deepEqual(more, []);
		note(`${again - first} ms`);
		assert.ok(again - first >= least - EARLY_MS, `${again - first} ms`);
	});
}

test("a conflict's second wait is longer", async () => {
	const bed = await table();
	const name = newName();
	assertStream(await bed.answer(`[[refuse status=409 times=2 stream=${name}]] fine`));
	const [first, second, third] = await times(bed, name);
	assert.ok(second - first >= 500 - EARLY_MS);
	assert.ok(third - second >= 1000 - EARLY_MS);
});

test("for who has left it is not asked again", async () => {
	const bed = await startBed({ globals: { header_wait: "100ms" } });
	const name = newName();
	const reply = await bed.ask(`[[refuse status=503 amz-retry-after=4000 times=1 stream=${name}]] x`);
	await until(() => /again in \d{4} ms/.test(bed.log()), "the wait");
	reply.leave();
	const id = reply.headers["x-request-id"];
	await until(() => new RegExp(`request=${id} .*events=`).test(bed.log()), "its end");
	await sleep(5000);
	assert.equal(await attempts(bed, name), 1);
	await bed.stop();
});

/* ---- how often ---- */

for (const [value, most] of Object.entries({ 1: 1, 2: 2, 5: 5, 0: 3, x: 3, "": 3, 11: 3 })) {
	test(`AWS_MAX_ATTEMPTS=${value}: ${most}`, async () => {
		const bed = await startBed({ globals: PATIENT, env: { AWS_MAX_ATTEMPTS: value } });
		const [never, late] = [newName(), newName()];
		assertRefused(await bed.answer(`[[refuse status=503 times=99 stream=${never}]] x`),
			502, "upstream_error");
		assert.equal(await attempts(bed, never), most);
		assertStream(await bed.answer(`[[refuse status=503 times=${most - 1} stream=${late}]] x`));
		assert.equal(await attempts(bed, late), most);
		await bed.stop();
	});
}

// What the bucket gives for n failures, one after the other.
function simulate(n, most = ATTEMPTS) {
	let tokens = BUCKET;
	return Array.from({ length: n }, () => {
		let seen = 1;
		for (; seen < most && tokens >= COST; seen++)
			tokens -= COST;
		return seen;
	});
}

test("after many failures it is asked once alone; other agents are not concerned", async () => {
	const bed = await startBed({ globals: PATIENT, agents: { default: {}, other: {} } });
	const fail = async (to) => {
		const name = newName();
		assertRefused(await bed.answer(`[[refuse status=503 times=99 stream=${name}]] x`, { to }),
			502, "upstream_error");
		return attempts(bed, name);
	};
	const wanted = simulate(20);
	const got = [];
	for (let i = 0; i < wanted.length; i++)
		got.push(await fail("/invoke"));
	note(`attempts: ${got.join(" ")}`);
	assert.deepEqual(got, wanted);
	assert.equal(got.at(-1), 1);
	assert.equal(await fail("/invoke/other"), ATTEMPTS);

	// Each success gives one back, and one retry needs them all.
	const left = BUCKET - COST * (wanted.reduce((sum, n) => sum + n) - wanted.length);
	for (let i = left; i < COST; i++) {
		assert.equal(await fail("/invoke"), 1);
		assertStream(await bed.answer("fine"));
	}
	assert.equal(await fail("/invoke"), 2);
	assert.equal(await fail("/invoke"), 1);
	await bed.stop();
});

test("many at once have one bucket", async () => {
	const bed = await startBed({ globals: PATIENT });
	const many = Array.from({ length: 60 }, newName);
	await Promise.all(many.map(async (name) => assertRefused(
		await bed.answer(`[[refuse status=503 times=99 stream=${name}]] x`), 502, "upstream_error")));
	const counts = await Promise.all(many.map((name) => attempts(bed, name)));
	assert.equal(counts.reduce((sum, n) => sum + n) - many.length, Math.floor(BUCKET / COST));
	await bed.stop();
});

/* ---- connections ---- */

// Takes whole requests of HTTP/1.1, and does with the socket what then()
// says; counts both.
async function startRaw(then) {
	const raw = { connections: 0, requests: 0 };
	const sockets = new Set();
	const server = net.createServer((socket) => {
		raw.connections++;
		sockets.add(socket);
		let text = "";
		socket.on("error", () => {});
		socket.on("data", (bytes) => {
			text += bytes.toString("latin1");
			const end = text.indexOf("\r\n\r\n");
			const length = Number(/^content-length: *(\d+)/mi.exec(text)?.[1] ?? Infinity);
			if (end < 0 || text.length < end + 4 + length)
				return;
			text = "";
			raw.requests++;
			then(socket, raw);
		});
	});
	await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
	raw.port = server.address().port;
	raw.endpoint = `http://127.0.0.1:${raw.port}`;
	raw.close = () => {
		server.close();
		sockets.forEach((socket) => socket.destroy());
	};
	return raw;
}

const bedAt = (endpoint, more = {}) => startBed({ globals: PATIENT, env: more.env,
	agents: { default: { endpoint, ...more.agent } } });

for (const [what, how] of Object.entries({
	"reset": (socket) => socket.resetAndDestroy(),
	"closed": (socket) => socket.end(),
	"reset within the status line": (socket) => socket.write("HTTP/1.1 50", () => socket.resetAndDestroy()),
	"answered with what is no HTTP": (socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"),
})) {
	test(`a new connection is ${what} when the request is there: not asked again`, async () => {
		const raw = await startRaw(how);
		const bed = await bedAt(raw.endpoint);
		assertRefused(await bed.answer("act"), 502, "upstream_error");
		assert.equal(raw.requests, 1);
		assert.equal(raw.connections, 1);
		assert.doesNotMatch(bed.log(), /again in/);
		await bed.stop();
		raw.close();
	});
}

// The first answer is whole and leaves its connection open.
function answerFirst(socket) {
	const body = 'data: "fine"\n\n';
	socket.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
		+ `content-length: ${body.length}\r\n\r\n${body}`);
}

for (const [what, end] of Object.entries({
	reset: (socket) => socket.resetAndDestroy(), closed: (socket) => socket.end() })) {
	test(`a kept connection is ${what} when the request is there: not asked again`, async () => {
		const raw = await startRaw((socket, { requests }) =>
			(requests === 1 ? answerFirst : end)(socket));
		const bed = await bedAt(raw.endpoint);
		assertStream(await bed.answer("first"));
		assertRefused(await bed.answer("act"), 502, "upstream_error");
		assert.equal(raw.requests, 2);
		await bed.stop();
		raw.close();
	});
}

test("a kept connection was closed meanwhile: a new one is taken", async () => {
	let kept;
	const raw = await startRaw((socket) => {
		kept = socket;
		answerFirst(socket);
	});
	const bed = await bedAt(raw.endpoint);
	for (let i = 1; i <= 3; i++) {
		assertStream(await bed.answer("act"));
		assert.equal(raw.requests, i);
		assert.equal(raw.connections, i);
		await new Promise((resolve) => kept.end(resolve));
	}
	await bed.stop();
	raw.close();
});

test("nobody listens, and then somebody does", async () => {
	const port = await freePort();
	const bed = await bedAt(`http://127.0.0.1:${port}`, { env: { AWS_MAX_ATTEMPTS: "10" } });
	const reply = bed.answer("act");
	await until(() => /again in \d+ ms/.test(bed.log()), "the first attempt");
	const plain = await startPlain((request, res) => good(res), port);
	assertStream(await reply);
	assert.equal(plain.seen.length, 1);
	await bed.stop();
	plain.close();
});

test("nobody listens ever", async () => {
	const bed = await bedAt(`http://127.0.0.1:${await freePort()}`);
	assertRefused(await bed.answer("act"), 502, "upstream_error");
	assert.equal(bed.log().match(/again in \d+ ms/g).length, ATTEMPTS - 1);
	await bed.stop();
});

test("a connection that does not come about in time", async () => {
	// It takes TCP's, and never TLS's.
	const raw = await startRaw(() => {});
	const bed = await bedAt(raw.endpoint.replace("http:", "https:"),
		{ agent: { connect_timeout: "300ms" } });
	assertRefused(await bed.answer("act"), 504, "upstream_timeout");
	assert.equal(raw.connections, ATTEMPTS);
	await bed.stop();
	raw.close();
});

test("a certificate that does not verify: not asked again", async () => {
	const { tls } = await makeCertificate();
	const bed = await startBed({ globals: PATIENT, upstreamOptions: { tls } });
	assertRefused(await bed.answer("act"), 502, "upstream_error");
	assert.equal((await bed.upstream.stats()).connections, 1);
	assert.doesNotMatch(bed.log(), /again in/);
	await bed.stop();
});

/* ---- the agent has begun, or may have ---- */

for (const [directive, code] of Object.entries({
	"reset n=2": "upstream_error",
	"reset n=0": "upstream_error",
	"cut n=1": "upstream_error",
	"badlength n=1": "upstream_error",
	"empty": "upstream_error",
	"midthrow-py": "agent_failed",
})) {
	test(`[[${directive}]] is not asked again`, async () => {
		const bed = await table();
		const name = newName();
		const reply = await bed.answer(`[[${directive} stream=${name}]]`);
		if (reply.status === 200)
			assertFailedStream(reply, code);
		else
			assertRefused(reply, 502, code);
		assert.equal(await attempts(bed, name), 1);
	});
}

test("no answer within first_byte_timeout: not asked again", async () => {
	const bed = await startBed({ globals: PATIENT,
		agents: { default: { first_byte_timeout: "500ms" } } });
	const name = newName();
	assertRefused(await bed.answer(`[[never stream=${name}]]`), 504, "upstream_timeout");
	assert.equal(await attempts(bed, name), 1);
	await bed.stop();
});

/* ---- clocks ---- */

for (const skew of [3600, -3600]) {
	test(`the service's clock is off by ${skew} s: asked twice once, then once`, async () => {
		// Which is no retry: it is allowed where those are not.
		const bed = await startBed({ globals: PATIENT, env: { AWS_MAX_ATTEMPTS: "1" },
			upstreamOptions: { skew } });
		assertStream(await bed.answer("hello"));
		const first = await bed.upstream.requests();
		assert.equal(first.length, 2);
		assert.match(first[0].refused, /^InvalidSignatureException: Signature expired/);
		assert.equal(first[1].refused, null);
		assertStream(await bed.answer("hello"));
		assert.equal((await bed.upstream.requests()).length, 3);
		await Promise.all(Array.from({ length: 10 }, async () =>
			assertStream(await bed.answer("hello"))));
		assert.equal((await bed.upstream.requests()).length, 13);
		await bed.stop();
	});
}

test("a crowd with a wrong clock: each twice at most", async () => {
	const bed = await startBed({ globals: PATIENT, upstreamOptions: { skew: 3600 } });
	await Promise.all(Array.from({ length: 20 }, async () =>
		assertStream(await bed.answer("hello"))));
	assert.ok((await bed.upstream.requests()).length <= 40);
	assertStream(await bed.answer("hello"));
	await bed.stop();
});

test("a Date that is wrong costs one attempt, now and next time", async () => {
	const bed = await startBed({ globals: PATIENT });
	const name = newName();
	const before = (await bed.upstream.requests()).length;
	assertRefused(await bed.answer(`[[refuse status=403 date=86400 times=1 stream=${name}]] x`),
		502, "upstream_denied");
	const seen = (await bed.upstream.requests()).slice(before);
	assert.equal(seen.length, 2, "with the wrong time it was refused indeed");
	assert.match(seen[1].refused, /^InvalidSignatureException: Signature expired/);
	assertStream(await bed.answer("hello"));
	assert.equal((await bed.upstream.requests()).length, before + 4);
	assertStream(await bed.answer("hello"));
	assert.equal((await bed.upstream.requests()).length, before + 5);
	await bed.stop();
});

/* ---- a caller's token ---- */

test("auth = bearer: the caller's Authorization goes with each attempt", async () => {
	const plain = await startPlain((request, res) => {
		if (request.number > 2)
			return good(res);
		res.writeHead(503, { "content-length": 0 });
		res.end();
	});
	const bed = await bedAt(plain.endpoint, { agent: { auth: "bearer" } });
	const tokens = ["ann", "bob", "cy"].map((name) => `Bearer eyJ.${name}.c2lnbmF0dXJl`);
	await Promise.all(tokens.map(async (authorization, i) => assertStream(
		await bed.answer(`for ${i}`, { headers: { authorization } }))));
	for (const [i, token] of tokens.entries()) {
		const seen = plain.seen.filter((r) => r.prompt === `for ${i}`);
		assert.deepEqual(seen.map((r) => r.headers.authorization), [token, token, token]);
		assert.equal(new Set(seen.map((r) =>
			r.headers["x-amzn-bedrock-agentcore-runtime-session-id"])).size, 1);
	}
	assertClean(bed.log(), "the log", ["eyJ.", "c2lnbmF0dXJl"]);
	await bed.stop();
	plain.close();
});

test("auth = bearer: a token that has expired is its owner's matter, and so is no clock", async () => {
	const plain = await startPlain((request, res) => {
		res.sendDate = false;
		res.writeHead(request.prompt === "401" ? 401 : 403, { "content-length": 0,
			"date": new Date(Date.now() + 3600_000).toUTCString(),
			"x-amzn-errortype": "ExpiredTokenException" });
		res.end();
	});
	const bed = await bedAt(plain.endpoint, { agent: { auth: "bearer" } });
	const headers = { authorization: "Bearer eyJ.ann.c2lnbmF0dXJl" };
	assertRefused(await bed.answer("401", { headers }), 401, "unauthorised");
	assertRefused(await bed.answer("403", { headers }), 502, "upstream_denied");
	assert.equal(plain.seen.length, 2);
	await bed.stop();
	plain.close();
});

test("every attempt is the same request: session, body, and what it is told", async () => {
	const bed = await table();
	const name = newName();
	const before = (await bed.upstream.requests()).length;
	const reply = await bed.answer(`[[refuse status=503 times=2 stream=${name}]] fine`);
	assertStream(reply);
	const seen = (await bed.upstream.requests()).slice(before);
	assert.equal(seen.length, 3);
	const { sessionId } = reply.data("session");
	for (const request of seen) {
		assert.equal(request.url, seen[0].url);
		assert.equal(request.body, seen[0].body);
		assert.equal(request.headers["x-amzn-bedrock-agentcore-runtime-session-id"], sessionId);
		assert.equal(request.refused, null, "each is signed well");
	}
	assertClean(bed.log(), "the log", OF_UPSTREAM);
});

await run(async () => {
	bare.close();
	await stopAll();
});
