// The test upstream itself, with AWS's own client as the control.

import { createHash } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import {
	BedrockAgentCoreClient,
	InvokeAgentRuntimeCommand,
	StopRuntimeSessionCommand,
} from "@aws-sdk/client-bedrock-agentcore";
import { Sha256 } from "@aws-crypto/sha256-js";
import { HttpRequest } from "@smithy/protocol-http";
import { SignatureV4 } from "@smithy/signature-v4";
import { ARN, CREDENTIALS, startUpstream } from "../upstream/upstream.mjs";
import { makeCertificate } from "../lib/certs.mjs";
import { until } from "../lib/proc.mjs";
import { spawnAgent, spawnUpstream } from "../lib/servers.mjs";
import { open } from "../lib/sse.mjs";
import { assert, run, test } from "../lib/tap.mjs";

const SESSION = "upstream-test-00000000000000000000001";
const upstream = await startUpstream();

function client(options = {}) {
	return new BedrockAgentCoreClient({
		region: "us-west-2",
		endpoint: upstream.url,
		credentials: CREDENTIALS,
		maxAttempts: 1,
		...options,
	});
}

function invoke(prompt, { options, ...input } = {}) {
	return client(options).send(new InvokeAgentRuntimeCommand({
		agentRuntimeArn: ARN,
		qualifier: "DEFAULT",
		runtimeSessionId: SESSION,
		contentType: "application/json",
		accept: "text/event-stream, application/json",
		payload: JSON.stringify({ prompt }),
		...input,
	}));
}

const textOf = async (answer) => answer.response.transformToString();

// A request signed by hand, so that it can be spoiled.
async function signed({ path, query = {}, body = '{"prompt":"hi there"}',
	headers = {}, date = new Date(), credentials = CREDENTIALS,
	region = "us-west-2", service = "bedrock-agentcore" } = {}) {
	const signer = new SignatureV4({ credentials, region, service, sha256: Sha256 });
	return signer.sign(new HttpRequest({
		method: "POST",
		protocol: "http:",
		hostname: "127.0.0.1",
		path: path ?? `/runtimes/${encodeURIComponent(ARN)}/invocations`,
		query,
		headers: {
			host: `127.0.0.1:${upstream.port}`,
			"content-type": "application/json",
			"x-amzn-bedrock-agentcore-runtime-session-id": SESSION,
			...headers,
		},
		body,
	}), { signingDate: date });
}

async function send(request, { search = "" } = {}) {
	const reply = await open(`${upstream.url}${request.path}${search}`,
		{ method: "POST", headers: request.headers, body: request.body });
	return reply.ended;
}

test("AWS's client is answered, in Python's events", async () => {
	const answer = await invoke("Hello 世界 you");
	assert.equal(answer.statusCode, 200);
	assert.equal(answer.runtimeSessionId, SESSION);
	assert.equal(await textOf(answer),
		'data: "Hello "\n\ndata: "世界 "\n\ndata: "you"\n\n');
});

test("odd qualifiers are verified", async () => {
	await upstream.reset();
	const odd = "a b+c/ü&=%*'()!~";
	await textOf(await invoke("hi", { qualifier: odd }));
	const [request] = await upstream.requests();
	assert.equal(request.query.qualifier, odd);
	assert.equal(request.refused, null);
});

test("a wrong key, id, service, region or token is refused with 403", async () => {
	const status = (promise) => promise.then(() => 200,
		(e) => `${e.$metadata.httpStatusCode} ${e.name}`);
	assert.equal(await status(invoke("x", { options: { credentials:
		{ ...CREDENTIALS, secretAccessKey: "wrong" } } })),
		"403 InvalidSignatureException");
	assert.equal(await status(invoke("x", { options: { credentials:
		{ ...CREDENTIALS, accessKeyId: "AKIDOTHER" } } })),
		"403 UnrecognizedClientException");
	assert.equal(await status(invoke("x", { options: { credentials:
		{ ...CREDENTIALS, sessionToken: "surplus" } } })),
		"403 UnrecognizedClientException");
	for (const wrong of [{ service: "bedrock" }, { region: "us-east-1" }]) {
		const reply = await send(await signed(wrong));
		assert.equal(reply.status, 403, JSON.stringify(wrong));
		assert.equal(reply.headers["x-amzn-errortype"], "InvalidSignatureException");
	}
});

test("a request signed by hand passes; spoiled, it does not", async () => {
	assert.equal((await send(await signed())).status, 200);
	const spoil = {
		body: (r) => (r.body += " "),
		host: (r) => (r.headers.host = "localhost"),
		"a signed header": (r) => (r.headers["content-type"] = "text/plain"),
		"the signature": (r) => (r.headers.authorization =
			r.headers.authorization.replace(/.$/, (c) => (c === "0" ? "1" : "0"))),
		"an x-amz header more": (r) => (r.headers["x-amz-more"] = "1"),
		path: (r) => (r.path = r.path.replace("sample", "simple")),
		"no authorization": (r) => delete r.headers.authorization,
	};
	for (const [what, how] of Object.entries(spoil)) {
		const request = await signed();
		how(request);
		assert.equal((await send(request)).status, 403, what);
	}
	const query = await signed();
	assert.equal((await send(query, { search: "?qualifier=X" })).status, 403);
});

test("a path signed with a raw colon is refused", async () => {
	const request = await signed({ path: `/runtimes/${ARN.replace("/", "%2F")}/invocations` });
	assert.equal((await send(request)).status, 403);
});

test("a date more than five minutes off is refused", async () => {
	for (const minutes of [-6, 6]) {
		const date = new Date(Date.now() + minutes * 60_000);
		const reply = await send(await signed({ date }));
		assert.equal(reply.status, 403);
		assert.match(reply.text, /Signature expired/);
	}
	const date = new Date(Date.now() - 4 * 60_000);
	assert.equal((await send(await signed({ date }))).status, 200);
});

test("the session id must have 33 to 256 characters", async () => {
	const name = "x-amzn-bedrock-agentcore-runtime-session-id";
	for (const [length, status] of [[32, 400], [33, 200], [256, 200], [257, 400]]) {
		const reply = await send(await signed({ headers: { [name]: "s".repeat(length) } }));
		assert.equal(reply.status, status, String(length));
		if (status === 400)
			assert.equal(reply.headers["x-amzn-errortype"], "ValidationException");
	}
});

test("session token, TLS and a base path", async () => {
	const certificate = await makeCertificate();
	const credentials = { ...CREDENTIALS, sessionToken: "IQoJ//token+==" };
	const tls = await startUpstream({ tls: certificate.tls, base: "/deep/base", credentials });
	const options = {
		endpoint: tls.url,
		credentials,
		requestHandler: {
			httpsAgent: new https.Agent({ ca: fs.readFileSync(certificate.ca) }),
		},
	};
	assert.equal(await textOf(await invoke("over TLS", { options })),
		'data: "over "\n\ndata: "TLS"\n\n');
	await assert.rejects(invoke("x", { options: { ...options, credentials: CREDENTIALS } }));
	const [first] = await tls.requests();
	assert.match(first.url, /^\/deep\/base\/runtimes\/arn%3A/);
	await tls.close();
});

test("StopRuntimeSession is verified and counted", async () => {
	await upstream.reset();
	await client().send(new StopRuntimeSessionCommand({
		agentRuntimeArn: ARN, qualifier: "DEFAULT", runtimeSessionId: SESSION }));
	assert.equal((await upstream.stats()).stops, 1);
});

test("no event without a go", async () => {
	const answer = await invoke("[[sse n=3 stream=g gate]]");
	const parts = answer.response[Symbol.asyncIterator]();
	for (let i = 0; i < 3; i++) {
		await until(async () => (await upstream.stats()).streams
			.find((s) => s.stream === "g" && s.waiting && s.events === i), "its turn");
		await upstream.go("g");
		const { value } = await parts.next();
		assert.match(value.toString(), new RegExp(`^data: "\\[t:\\d+:${i}\\] "\n\n$`));
	}
	assert.equal((await parts.next()).done, true);
});

test("a go that comes before its stream counts", async () => {
	await upstream.go("early", 2);
	assert.match(await textOf(await invoke("[[sse n=2 stream=early gate]]")), /:1\]/);
});

test("it sees the peer leave, in speech and in silence", async () => {
	for (const prompt of ["[[flood stream=F]]", "[[silence stream=S]]", "[[never stream=N]]"]) {
		const name = /stream=(.)/.exec(prompt)[1];
		const request = await signed({ body: JSON.stringify({ prompt }) });
		const socket = http.request(`${upstream.url}${request.path}`,
			{ method: "POST", headers: request.headers, agent: false });
		socket.on("error", () => {});
		socket.end(request.body);
		const find = async () =>
			(await upstream.stats()).streams.find((s) => s.stream === name);
		await until(async () => (await find())?.open, `${name} to be open`);
		socket.destroy();
		await until(async () => (await find()).ended === "peer", `${name} to be left`);
	}
});

test("a peer that does not read holds the flood", async () => {
	const request = await signed({ body: '{"prompt":"[[flood stream=P]]"}' });
	const reply = await open(upstream.url + request.path,
		{ method: "POST", headers: request.headers, body: request.body });
	reply.pause();
	const bytes = async () =>
		(await upstream.stats()).streams.find((s) => s.stream === "P").bytes;
	let before = -1;
	let same = 0;
	await until(async () => {
		const now = await bytes();
		same = now === before ? same + 1 : 0;
		before = now;
		return same > 20;
	}, "the flood to stand still");
	reply.resume();
	await until(async () => (await bytes()) > before + 1e6, "it to flow again");
	reply.leave();
});

test("faults on the wire are what they are called", async () => {
	const get = async (prompt) => {
		const request = await signed({ body: JSON.stringify({ prompt }) });
		return send(request).catch((error) => ({ error }));
	};
	assert.equal((await get("[[cut n=2]]")).cut, true);
	assert.equal((await get("[[badlength n=2]]")).cut, true);
	assert.equal((await get("[[reset n=2]]")).cut, true);
	assert.equal((await get("[[eof n=2]]")).cut, false);
	assert.equal((await get("[[empty]]")).text, "");
	assert.match((await get("[[sse n=1 eol=crlf]]")).text, /^data: ".*"\r\n\r\n$/);
	assert.match((await get("[[midthrow-py]]")).text, /data: \{"error": "zebra/);
	assert.match((await get("[[midthrow-ts]]")).text, /event: error\ndata: \{"error":"zebra/);
	const split = await get("[[jp split]]");
	assert.equal(createHash("sha256").update(split.body).digest("hex"),
		createHash("sha256").update((await get("[[jp]]")).body).digest("hex"));
	for (const code of [400, 401, 402, 403, 404, 409, 424, 429, 500, 502, 503, 504]) {
		const reply = await get(`[[status code=${code}]]`);
		assert.equal(reply.status, code);
		assert.match(reply.text, /zebrawords/);
	}
});

test("the real agent answers through it, from the command line", async () => {
	const agent = await spawnAgent();
	const front = await spawnUpstream(["--agent", agent.url]);
	const options = { endpoint: front.url };
	assert.equal(await textOf(await invoke("[[agent]] Hello 世界", { options })),
		"data: [[agent]] \n\ndata: Hello \n\ndata: 世界\n\n");
	assert.match(await textOf(await invoke("[[agent do=dict]]", { options })),
		/^data: \{"text":"甲"\}\n\n.*event: message\ndata: \{"text":"乙🎉"\}\n\n/s);
	const json = await invoke("[[agent do=json]]", { options });
	assert.match(json.contentType, /^application\/json/);
	assert.match(await textOf(json), /JSON answer/);
	await assert.rejects(invoke("[[agent do=throw]]", { options }),
		(e) => e.name === "RuntimeClientError" && e.$metadata.httpStatusCode === 424);
	assert.equal((await front.stats()).verified, 4);
});

await run(() => upstream.close());
