// What goes upstream: each request is verified by AWS's own signer, with odd
// names, session tokens, base paths, TLS and every source of settings.

import fs from "node:fs";
import path from "node:path";
import { ARN, CREDENTIALS, startUpstream } from "../upstream/upstream.mjs";
import { lazyBed, startBed } from "../lib/servers.mjs";
import { assertRefused, assertStream } from "../lib/check.mjs";
import { makeCertificate } from "../lib/certs.mjs";
import { stopAll, temporary } from "../lib/proc.mjs";
import { assert, run, test } from "../lib/tap.mjs";

const QUALIFIERS = {
	odd: "a b+c/ü&=%",
	marks: "!'()*~-._",
	percent: "100%25",
	cjk: "世界👨‍👩‍👧",
	equals: "k=v&x=y?z",
	slashes: "//a/../b/.",
};

const ARNS = {
	virginia: "arn:aws:bedrock-agentcore:us-east-1:210987654321:runtime/my_agent-AbCdEf1234",
	gov: "arn:aws-us-gov:bedrock-agentcore:us-gov-west-1:123456789012:runtime/A-0000000000",
	tokyo: "arn:aws:bedrock-agentcore:ap-northeast-1:123456789012:runtime/x_9-zzzzzzzzzz",
};

const TOKEN = "IQoJb3JpZ2luX2VjE//token+with/slashes==";
const TEMPORARY = { ...CREDENTIALS, sessionToken: TOKEN };

const start = lazyBed({
	agents: {
		default: {},
		...Object.fromEntries(Object.entries(ARNS).map(([name, arn]) => [name, { arn }])),
	},
});

async function verified(bed, options, prompt = "hi") {
	await bed.upstream.reset();
	const reply = await bed.answer(prompt, options);
	const requests = await bed.upstream.requests();
	assert.equal(requests.length, 1, `${reply.status} ${reply.text}`);
	assert.equal(requests[0].refused, null);
	assertStream(reply);
	return requests[0];
}

for (const [name, qualifier] of Object.entries(QUALIFIERS)) {
	test(`the qualifier ${qualifier} arrives as it is, and verified`, async () => {
		const bed = await startBed({ agents: { default: {}, [name]: { qualifier } } });
		const request = await verified(bed, { to: `/invoke/${name}` });
		assert.equal(request.query.qualifier, qualifier);
		assert.doesNotMatch(request.url.split("?")[1], /\+/);
		await bed.stop();
	});
}

for (const [name, arn] of Object.entries(ARNS)) {
	test(`${arn}: its region is signed for`, async () => {
		const bed = await start();
		const request = await verified(bed, { to: `/invoke/${name}` });
		assert.ok(request.url.startsWith(
			`/runtimes/${encodeURIComponent(arn)}/invocations?`), request.url);
		assert.ok(request.headers.authorization.includes(`/${arn.split(":")[3]}/bedrock-agentcore/`));
	});
}

test("the request is what the service wants", async () => {
	const bed = await start();
	const { method, url, headers, body } = await verified(bed, {}, "こんにちは 🎉");
	assert.equal(method, "POST");
	assert.equal(url, `/runtimes/${encodeURIComponent(ARN)}/invocations?qualifier=DEFAULT`);
	assert.match(headers["content-type"], /^application\/json/);
	// Without event-stream the TypeScript SDK would answer 406.
	assert.match(headers.accept, /text\/event-stream/);
	assert.match(headers.accept, /application\/json/);
	assert.match(headers["x-amzn-bedrock-agentcore-runtime-session-id"], /^[A-Za-z0-9][\w-]{32,99}$/);
	assert.equal(headers["transfer-encoding"], undefined);
	assert.equal(Number(headers["content-length"]), Buffer.byteLength(body));
	assert.equal(headers.expect, undefined);
	assert.equal(headers.cookie, undefined);
	assert.deepEqual(JSON.parse(body), { prompt: "こんにちは 🎉" });
});

test("nothing of the client's headers reaches the upstream", async () => {
	const bed = await start();
	const { headers } = await verified(bed, { headers: {
		cookie: "secret=1", authorization: "Basic dTpw", "x-forwarded-for": "1.2.3.4",
		"x-amz-date": "20200101T000000Z", "x-amzn-bedrock-agentcore-runtime-user-id": "root",
		"x-amz-security-token": "evil",
	} });
	assert.equal(headers.cookie, undefined);
	assert.match(headers.authorization, /^AWS4-HMAC-SHA256 /);
	assert.equal(headers["x-amz-security-token"], undefined);
	assert.equal(headers["x-amzn-bedrock-agentcore-runtime-user-id"], undefined);
});

test("connections are kept", async () => {
	const bed = await start();
	await bed.answer("warm up");
	await bed.upstream.reset();
	for (let i = 0; i < 10; i++)
		assertStream(await bed.answer(`turn ${i}`));
	assert.equal((await bed.upstream.stats()).connections, 0);
});

test("a kept connection that the upstream has closed costs no answer", async () => {
	const bed = await start();
	for (let i = 0; i < 5; i++) {
		assertStream(await bed.answer("hi"));
		assertStream(await bed.answer("[[eof n=1]]"));
	}
});

test("a session token is sent and signed", async () => {
	const upstream = await startUpstream({ credentials: TEMPORARY });
	const bed = await startBed({ upstream, env: { AWS_SESSION_TOKEN: TOKEN } });
	const request = await verified(bed, {});
	assert.equal(request.headers["x-amz-security-token"], TOKEN);
	await bed.stop();
	await upstream.close();
});

test("an override with a base path", async () => {
	for (const tail of ["", "/"]) {
		const upstream = await startUpstream({ base: "/deep/base path%2F".replace(" ", "%20") });
		const bed = await startBed({ upstream,
			agents: { default: { endpoint: upstream.url + tail } } });
		const request = await verified(bed, {});
		assert.ok(request.url.startsWith("/deep/base%20path%2F/runtimes/arn%3A"), request.url);
		await bed.stop();
		await upstream.close();
	}
});

test("no file: ARN, endpoint and keys from the environment alone", async () => {
	for (const name of ["AWS_ENDPOINT_URL_BEDROCK_AGENTCORE", "AWS_ENDPOINT_URL"]) {
		const bed = await startBed({ noFile: (upstream) =>
			({ AGENT_RUNTIME_ARN: ARN, [name]: upstream.url }) });
		// The default policy signs sessions, so none is given here.
		await verified(bed, {});
		await bed.stop();
	}
});

test("static keys of a profile in the shared file", async () => {
	const dir = temporary();
	const file = path.join(dir, "credentials");
	fs.writeFileSync(file, `[default]
aws_access_key_id = AKIDNOTTHIS
aws_secret_access_key = nor-this

[team one]
aws_access_key_id=${CREDENTIALS.accessKeyId}
aws_secret_access_key = ${CREDENTIALS.secretAccessKey}
aws_session_token = ${TOKEN}
`, { mode: 0o600 });
	const upstream = await startUpstream({ credentials: TEMPORARY });
	const bed = await startBed({ upstream,
		agents: { default: { profile: "team one" } },
		env: { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined,
			AWS_SHARED_CREDENTIALS_FILE: file } });
	await verified(bed, {});
	await bed.stop();
	await upstream.close();
});

test("over TLS, trusting ca_file, AWS_CA_BUNDLE or SSL_CERT_FILE", async () => {
	const certificate = await makeCertificate();
	const upstream = await startUpstream({ tls: certificate.tls });
	for (const how of [{ globals: { ca_file: certificate.ca } },
		{ env: { AWS_CA_BUNDLE: certificate.ca } }, { env: { SSL_CERT_FILE: certificate.ca } }]) {
		const bed = await startBed({ upstream, ...how });
		await verified(bed, {});
		await bed.stop();
	}
	await upstream.close();
});

test("an unknown authority or another's certificate is upstream_error", async () => {
	const certificate = await makeCertificate();
	const other = await makeCertificate("DNS:elsewhere.example");
	for (const [tls, ca] of [[certificate.tls, other.ca], [other.tls, other.ca]]) {
		const upstream = await startUpstream({ tls });
		const bed = await startBed({ upstream, globals: { ca_file: ca } });
		assertRefused(await bed.answer("hi"), 502, "upstream_error");
		assert.equal((await upstream.stats()).requests, 0);
		await bed.stop();
		await upstream.close();
	}
});

await run(stopAll);
