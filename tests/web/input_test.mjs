// What goes in: every form of a prompt, and every refusal with its status,
// through every web server.

import { ALL_FRONTS, SERVICES, frontOf, lazyBed } from "../lib/servers.mjs";
import { assertRefused, assertStream } from "../lib/check.mjs";
import { stopAll } from "../lib/proc.mjs";
import { fetchAll } from "../lib/sse.mjs";
import { assert, run, test } from "../lib/tap.mjs";

const SESSION_HEADER = "x-amzn-bedrock-agentcore-runtime-session-id";
const SESSION = "input-test-0000000000000000000000001";
const PROMPT = 'Grüße "du" \\ 世界 👨‍👩‍👧 & a=b+c\nsecond line\ttab %41';
// Some servers themselves refuse control characters in an address.
const PRINTABLE = PROMPT.replace(/[\n\t]/g, " ");
const FORM = "application/x-www-form-urlencoded";
const FOREIGN = "https://elsewhere.example";
const FRIEND = "https://friend.example";

// What the upstream was told by the one request in between.
async function toldBy(bed, send) {
	await bed.upstream.reset();
	const reply = await send();
	const requests = await bed.upstream.requests();
	assert.equal(requests.length, 1, `one request upstream, after:\n${reply.text ?? ""}`);
	assert.equal(requests[0].refused, null);
	return { reply, told: JSON.parse(requests[0].body), request: requests[0] };
}

async function notTold(bed, send) {
	await bed.upstream.reset();
	const reply = await send();
	assert.equal((await bed.upstream.requests()).length, 0, "the upstream was asked");
	return reply;
}

const post = (bed, type, body, more = {}) =>
	fetchAll(`${bed.url}${more.to ?? "/invoke"}`, { method: "POST", body,
		chunked: more.chunked,
		headers: { ...(type && { "content-type": type }), ...more.headers } });

const GOOD = {
	"application/json": (bed) =>
		post(bed, "application/json", JSON.stringify({ prompt: PROMPT, sessionId: SESSION })),
	"application/json; charset=utf-8, other case": (bed) =>
		post(bed, "Application/JSON; Charset=UTF-8",
			JSON.stringify({ sessionId: SESSION, other: [1], prompt: PROMPT })),
	"JSON with escapes": (bed) =>
		post(bed, "application/json", `{"prompt": ${JSON.stringify(PROMPT)
			.replace(/[^ -~]/g, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"))
		}, "sessionId": "${SESSION}"}`),
	"urlencoded": (bed) =>
		post(bed, FORM, new URLSearchParams({ prompt: PROMPT, sessionId: SESSION }).toString()),
	"GET with a query": (bed) =>
		bed.get(`/invoke?${new URLSearchParams({ prompt: PRINTABLE, sessionId: SESSION })}`),
};

const BAD = {
	"no prompt": ["application/json", "{}"],
	"an empty prompt": ["application/json", '{"prompt":""}'],
	"a number as prompt": ["application/json", '{"prompt":42}'],
	"null as prompt": ["application/json", '{"prompt":null}'],
	"a structured prompt": ["application/json", '{"prompt":{"text":"hi"}}'],
	"a list as prompt": ["application/json", '{"prompt":["hi"]}'],
	"broken JSON": ["application/json", '{"prompt":"hi"'],
	"JSON with more behind it": ["application/json", '{"prompt":"hi"} x'],
	"a JSON list": ["application/json", '["hi"]'],
	"a JSON string": ["application/json", '"hi"'],
	"an empty JSON body": ["application/json", ""],
	"a lone surrogate": ["application/json", '{"prompt":"\\ud800"}'],
	"invalid UTF-8 in JSON": ["application/json", Buffer.from('{"prompt":"\xff"}', "latin1")],
	"overlong UTF-8 in text": ["text/plain", Buffer.from("a\xc0\xaf", "latin1")],
	"invalid UTF-8 in text": ["text/plain", Buffer.from("a\xfe", "latin1")],
	"an empty text": ["text/plain", ""],
	"a form without prompt": [FORM, "other=1"],
	"a form with an empty prompt": [FORM, "prompt="],
	"invalid UTF-8 in a form": [FORM, "prompt=%ff%fe"],
	"multipart without a boundary": ["multipart/form-data", "prompt=x"],
	"multipart that ends too early": ["multipart/form-data; boundary=b",
		'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nhi'],
	"multipart without prompt": ["multipart/form-data; boundary=b",
		'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\nhi\r\n--b--\r\n'],
	"a session id too short": ["application/json",
		JSON.stringify({ prompt: "x", sessionId: "a".repeat(32) })],
	"a session id too long": ["application/json",
		JSON.stringify({ prompt: "x", sessionId: "a".repeat(101) })],
	"a session id with a dot": ["application/json",
		JSON.stringify({ prompt: "x", sessionId: "a.".repeat(20) })],
	"a session id beginning with a hyphen": ["application/json",
		JSON.stringify({ prompt: "x", sessionId: "-" + "a".repeat(40) })],
	"a session id with a line end": ["application/json",
		JSON.stringify({ prompt: "x", sessionId: "a".repeat(35) + "\r\nX: y" })],
	"a number as session id": ["application/json",
		'{"prompt":"x","sessionId":123456789012345678901234567890123456}'],
};

// target, method, allowed methods
const METHODS = [
	["/invoke", "PUT", ["GET", "POST"]],
	["/invoke", "DELETE", ["GET", "POST"]],
	["/invoke/default", "PATCH", ["GET", "POST"]],
	["/health", "POST", ["GET"]],
];

const beds = {};

for (const front of ALL_FRONTS) {
	const start = beds[front] = lazyBed({
		front,
		globals: { max_body: "64K", max_prompt: "8K", allow_origin: FRIEND },
		agents: { default: {}, other: { qualifier: "OTHER" }, pass: { payload: "passthrough" } },
	});

	for (const [name, send] of Object.entries(GOOD)) {
		test(`${front}: ${name}`, async () => {
			const bed = await start();
			const { reply, told, request } = await toldBy(bed, () => send(bed));
			assertStream(reply);
			assert.deepEqual(told, { prompt: name.startsWith("GET") ? PRINTABLE : PROMPT });
			assert.equal(request.headers[SESSION_HEADER], SESSION);
			assert.equal(reply.data("session").sessionId, SESSION);
			assert.equal(request.query.qualifier, "DEFAULT");
		});
	}

	// Chunked, or HTTP/2 without a content-length.  No browser sends a prompt so.
	test(`${front}: an upload whose length is not told`, async () => {
		const bed = await start();
		const send = () => post(bed, "application/json",
			JSON.stringify({ prompt: PROMPT, sessionId: SESSION }), { chunked: true });
		const { h2, kind, server } = frontOf(front);
		if (h2 && server === "lighttpd") { // refuses it
			assert.equal((await notTold(bed, send)).status, 411);
		} else if (h2 && kind === "fcgid") { // may lose all but its first piece
			const reply = await send();
			assert.ok([200, 400, 500].includes(reply.status), reply.text);
			assertStream(await bed.answer("hi"));
		} else {
			const { reply, told } = await toldBy(bed, send);
			assertStream(reply);
			assert.deepEqual(told, { prompt: PROMPT });
		}
	});

	test(`${front}: text/plain, the body is the prompt`, async () => {
		const bed = await start();
		const { told } = await toldBy(bed, () => post(bed, "text/plain; charset=utf-8", PROMPT));
		assert.deepEqual(told, { prompt: PROMPT });
	});

	test(`${front}: multipart as fetch sends a FormData`, async () => {
		const bed = await start();
		const form = new FormData();
		form.set("other", new Blob(["\x00\xff"]), "file.bin");
		form.set("prompt", PROMPT);
		form.set("sessionId", SESSION);
		const sent = new Response(form);
		const type = sent.headers.get("content-type");
		const body = Buffer.from(await sent.arrayBuffer());
		const { reply, told, request } = await toldBy(bed, () => post(bed, type, body));
		assertStream(reply);
		// A form's line ends are CR LF on the wire.
		assert.equal(told.prompt.replaceAll("\r\n", "\n"), PROMPT);
		assert.equal(request.headers[SESSION_HEADER], SESSION);
	});

	test(`${front}: an agent is picked by its name`, async () => {
		const bed = await start();
		const { request } = await toldBy(bed, () => bed.answer("hi", { to: "/invoke/other" }));
		assert.equal(request.query.qualifier, "OTHER");
	});

	test(`${front}: passthrough hands the caller's JSON on, less sessionId`, async () => {
		const bed = await start();
		const { told, request } = await toldBy(bed, () => bed.answer("hi",
			{ to: "/invoke/pass", sessionId: SESSION, input: { deep: [1, "ü", null] } }));
		assert.deepEqual(told, { prompt: "hi", input: { deep: [1, "ü", null] } });
		assert.equal(request.headers[SESSION_HEADER], SESSION);
		assertRefused(await notTold(bed, () => post(bed, "application/json",
			'{"prompt":{"toolUse":{}}}', { to: "/invoke/pass" })), 400, "bad_request");
	});

	test(`${front}: a session is minted, told, and used upstream`, async () => {
		const bed = await start();
		const seen = new Set();
		for (let i = 0; i < 3; i++) {
			const { reply, request } = await toldBy(bed, () => bed.answer("hi"));
			const { sessionId, runId } = reply.data("session");
			assert.match(sessionId, /^[A-Za-z0-9][A-Za-z0-9_-]{32,99}$/);
			assert.match(runId, /./);
			assert.equal(reply.headers[SESSION_HEADER], sessionId);
			assert.equal(request.headers[SESSION_HEADER], sessionId);
			seen.add(sessionId).add(runId);
		}
		assert.equal(seen.size, 6);
	});

	for (const [name, [type, body]] of Object.entries(BAD)) {
		test(`${front}: 400 for ${name}`, async () => {
			const bed = await start();
			assertRefused(await notTold(bed, () => post(bed, type, body)), 400, "bad_request");
		});
	}

	test(`${front}: 400 for a GET without prompt, or with a broken one`, async () => {
		const bed = await start();
		for (const query of ["", "?", "?prompt=", "?other=1"])
			assertRefused(await notTold(bed, () => bed.get(`/invoke${query}`)),
				400, "bad_request", query);
		// lighttpd refuses this one itself.
		const reply = await notTold(bed, () => bed.get("/invoke?prompt=%ff"));
		assert.equal(reply.status, 400);
	});

	test(`${front}: 413 above max_body and above max_prompt`, async () => {
		const bed = await start();
		const fits = "x".repeat(8 * 1024);
		assertStream(await bed.answer(fits));
		assertRefused(await notTold(bed, () => bed.answer(fits + "x")), 413, "too_large");
		const big = "x".repeat(70 * 1024);
		assertRefused(await notTold(bed, () => post(bed, "text/plain", big)), 413, "too_large");
		assertRefused(await notTold(bed, () => post(bed, "application/json",
			JSON.stringify({ prompt: "x", pad: big }))), 413, "too_large");
		assertRefused(await notTold(bed, () => post(bed, "text/plain", "x".repeat(5e6))),
			413, "too_large");
	});

	test(`${front}: 415 for another type`, async () => {
		const bed = await start();
		for (const type of ["application/xml", "image/png", "application/jsonish"])
			assertRefused(await notTold(bed, () => post(bed, type, '{"prompt":"hi"}')),
				415, "unsupported_type", type);
	});

	test(`${front}: 404 for what is not there`, async () => {
		const bed = await start();
		for (const target of ["/", "/nope", "/invoked", "/invoke/absent", "/invoke/default/x",
			"/invoke/a%20b", "/v2/chat/completions"])
			assertRefused(await notTold(bed, () => bed.answer("hi", { to: target })),
				404, "not_found", target);
	});

	test(`${front}: 405 tells which methods are allowed`, async () => {
		const bed = await start();
		for (const [target, method, methods] of METHODS) {
			const reply = await notTold(bed, () =>
				fetchAll(bed.url + target, { method, body: method === "DELETE" ? undefined : "x" }));
			assertRefused(reply, 405, "method_not_allowed", `${method} ${target}`);
			const allow = (reply.headers.allow ?? "").split(/, */);
			for (const m of methods)
				assert.ok(allow.includes(m), `${method} ${target}: Allow: ${allow}`);
			assert.ok(!allow.includes(method));
		}
	});

	test(`${front}: HEAD asks no agent`, async () => {
		const bed = await start();
		for (const target of ["/invoke?prompt=hi", "/health", "/nope"]) {
			const reply = await notTold(bed, () => bed.get(target, { method: "HEAD" }));
			assert.equal(reply.body.length, 0);
			assert.equal(reply.status, target === "/nope" ? 404 : 200, target);
		}
	});

	test(`${front}: OPTIONS is answered 204, with CORS for friends only`, async () => {
		const bed = await start();
		for (const target of ["/invoke", "/health", "/nope"]) {
			for (const origin of [undefined, FRIEND, FOREIGN]) {
				const reply = await notTold(bed, () => bed.get(target, {
					method: "OPTIONS",
					headers: {
						...(origin && { origin }),
						"access-control-request-method": "POST",
						"access-control-request-headers": "content-type",
					},
				}));
				assert.equal(reply.status, 204, `${target} ${origin}`);
				assert.equal(reply.body.length, 0);
				const allowed = reply.headers["access-control-allow-origin"];
				assert.equal(allowed, origin === FRIEND ? FRIEND : undefined);
				if (allowed && target === "/invoke")
					assert.match(reply.headers["access-control-allow-methods"], /POST/);
			}
		}
	});

	test(`${front}: origins: one's own and friends yes, others 403`, async () => {
		const bed = await start();
		const get = (headers) => bed.get("/invoke?prompt=hi", { headers });
		for (const headers of [{}, { origin: bed.origin }, { "sec-fetch-site": "same-origin" },
			{ "sec-fetch-site": "none" }]) {
			assertStream(await get(headers), "complete", JSON.stringify(headers));
			assertStream(await bed.answer("hi", { headers }), "complete", JSON.stringify(headers));
		}
		const friend = await bed.answer("hi", { headers: { origin: FRIEND } });
		assertStream(friend);
		assert.equal(friend.headers["access-control-allow-origin"], FRIEND);
		for (const headers of [{ origin: FOREIGN }, { origin: "null" },
			{ origin: FRIEND + ".evil.example" }, { origin: bed.origin + "1" }]) {
			for (const send of [() => get(headers), () => bed.answer("hi", { headers })])
				assertRefused(await notTold(bed, send), 403, "forbidden", JSON.stringify(headers));
		}
		const cross = { "sec-fetch-site": "cross-site" };
		assertRefused(await notTold(bed, () => get(cross)), 403, "forbidden");
	});

	test(`${front}: a GET with Last-Event-ID never runs the prompt again`, async () => {
		const bed = await start();
		const reply = await notTold(bed, () => bed.get("/invoke?prompt=hi",
			{ headers: { "last-event-id": "no-such-run.5" } }));
		assert.equal(reply.status, 204, reply.text);
	});

	test(`${front}: settings do not come from the request`, async () => {
		const bed = await start();
		const { request } = await toldBy(bed, () => bed.answer("hi", {
			to: "/invoke?qualifier=EVIL&arn=x&endpoint=http://127.0.0.1:1",
			headers: { agentcgi_config: "/etc/passwd", "agentcgi-config": "/x",
				"agent-runtime-arn": "x", proxy: "http://127.0.0.1:1" },
		}));
		assert.equal(request.query.qualifier, "DEFAULT");
	});
}

test("nginx: the route is found without PATH_INFO", async () => {
	const bed = await beds.nginx();
	const reply = await fetchAll(`${bed.origin}/stock/invoke/other`, { body: { prompt: "hi" } });
	assertStream(reply);
	assertRefused(await fetchAll(`${bed.origin}/stock/nope`), 404, "not_found");
});

test("lighttpd-cgi: as /cgi-bin/agentcgi/invoke", async () => {
	const bed = await beds["lighttpd-cgi"]();
	const reply = await fetchAll(`${bed.origin}/cgi-bin/agentcgi/invoke/other?x=1`,
		{ body: { prompt: "hi" } });
	assertStream(reply);
	const [request] = (await bed.upstream.requests()).slice(-1);
	assert.equal(request.query.qualifier, "OTHER");
});

for (const front of SERVICES) {
	test(`${front}: 401 without a user where one is required`, async () => {
		const bed = await lazyBed({ front, globals: { require_user: "yes" } })();
		assertRefused(await notTold(bed, () => bed.answer("hi")), 401, "unauthorised");
		await bed.stop();
	});
}

await run(stopAll);
