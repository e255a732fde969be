// The stand-ins for AWS's servers themselves, with AWS's own SDK as the
// control: what satisfies it, and what it makes of the refusals.

import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { Sha256 } from "@aws-crypto/sha256-js";
import { BedrockAgentCoreClient, InvokeAgentRuntimeCommand } from "@aws-sdk/client-bedrock-agentcore";
import { BedrockRuntimeClient, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime";
import { fromTemporaryCredentials } from "@aws-sdk/credential-providers";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { HttpRequest } from "@smithy/protocol-http";
import { SignatureV4 } from "@smithy/signature-v4";
import { JP } from "../upstream/answers.mjs";
import { startBedrock } from "../upstream/bedrock.mjs";
import { Mint, startKeyServers } from "../upstream/keys.mjs";
import { ACCOUNT, ARN, CREDENTIALS, startUpstream } from "../upstream/upstream.mjs";
import { jsKeys } from "../lib/jsprovider.mjs";
import { stopAll, temporary } from "../lib/proc.mjs";
import { open } from "../lib/sse.mjs";
import { assert, run, test } from "../lib/tap.mjs";

const ROLE = `arn:aws:iam::${ACCOUNT}:role/path/test-role`;
const MODEL = "openai.gpt-oss-120b-1:0";
const API_KEY = "ABSKEXAMPLE+/==";
const SESSION = "controls-test-00000000000000000000001";

const servers = await startKeyServers();
const { mint, imds, container, sts, sso } = servers;
const upstream = await startUpstream({
	credentials: (now) => [CREDENTIALS, ...mint.credentials(now)],
	expired: (now) => mint.expired(now),
});
const bedrock = await startBedrock({
	credentials: (now) => [CREDENTIALS, ...mint.credentials(now)],
	expired: (now) => mint.expired(now),
	apiKeys: [API_KEY],
	models: [MODEL],
});

// Nothing of the last test's.
const begin = () => servers.reset();

function environment(more = {}) {
	return {
		HOME: temporary(),
		PATH: process.env.PATH,
		AWS_REGION: "us-west-2",
		AWS_ENDPOINT_URL_STS: sts.url,
		AWS_ENDPOINT_URL_SSO: sso.url,
		AWS_ENDPOINT_URL_SSO_OIDC: sso.url,
		AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url,
		...more,
	};
}

// A home with ~/.aws/config and other files: its environment.
function home(config, more = {}) {
	const env = environment(more);
	write(env, ".aws/config", config);
	return env;
}

function write({ HOME }, name, text) {
	const file = path.join(HOME, name);
	fs.mkdirSync(path.dirname(file), { recursive: true });
	fs.writeFileSync(file, text);
	return file;
}

function invoke(credentials, prompt = "hello", { to = upstream, ...options } = {}) {
	return new BedrockAgentCoreClient({ region: "us-west-2", endpoint: to.url,
		credentials, maxAttempts: 1, ...options }).send(new InvokeAgentRuntimeCommand({
		agentRuntimeArn: ARN, runtimeSessionId: SESSION, contentType: "application/json",
		accept: "text/event-stream", payload: JSON.stringify({ prompt }) }));
}

const failure = (promise) => promise.then(() => "no failure",
	(e) => `${e.$metadata?.httpStatusCode} ${e.name}`);

// Keys of this trail, that the emulated AgentCore takes.
async function assertKeys(keys, trail) {
	assert.equal(keys.error, undefined);
	assert.equal(mint.trail(keys.accessKeyId), trail);
	const minted = mint.find(keys.accessKeyId);
	assert.equal(keys.secretAccessKey, minted.secretAccessKey);
	assert.equal(keys.sessionToken, minted.sessionToken);
	assert.equal(keys.expiration.getTime(), minted.expiration.getTime());
	const answer = await invoke(keys);
	assert.equal(await answer.response.transformToString(), 'data: "hello"\n\n');
}

/* mint and endpoint */

test("keys that have expired are refused as such, surplus tokens too", async () => {
	begin();
	const old = mint.issue("role", { lifetime: -1 });
	assert.match(old.accessKeyId, /^ASIAROLE[A-Z2-7]{12}$/);
	assert.equal(await failure(invoke(old)), "403 ExpiredTokenException");
	const good = mint.issue("role");
	assert.equal((await invoke(good)).statusCode, 200);
	assert.equal(await failure(invoke({ ...good, sessionToken: "other" })),
		"403 UnrecognizedClientException");
	assert.equal(await failure(invoke(new Mint().issue("role"))),
		"403 UnrecognizedClientException");
});

test("refuse: so often, with these headers, then the rest of the prompt", async () => {
	await upstream.reset();
	const prompt = "[[refuse status=409 times=2 stream=r1 amz-retry-after=7 retry-after=1 date=-900]] [[sse n=1]]";
	for (let i = 0; i < 2; i++) {
		const error = await invoke(CREDENTIALS, prompt).catch((e) => e);
		assert.equal(error.name, "RetryableConflictException");
		assert.equal(error.$response.headers["x-amz-retry-after"], "7");
		assert.equal(error.$response.headers["retry-after"], "1");
		const off = Date.now() - Date.parse(error.$response.headers.date);
		assert.ok(Math.abs(off - 900_000) < 30_000, String(off));
	}
	const answer = await invoke(CREDENTIALS, prompt);
	assert.match(await answer.response.transformToString(), /^data: "\[t:\d+:0\] "\n\n$/);
	assert.deepEqual((await upstream.stats()).attempts, { r1: 3 });
	const words = await invoke(CREDENTIALS, "[[refuse times=0 stream=r2]] left over");
	assert.equal(await words.response.transformToString(), 'data: "left "\n\ndata: "over"\n\n');
});

test("refuse: AWS's client tries again, three times in all", async () => {
	await upstream.reset();
	const retried = (prompt) => invoke(CREDENTIALS, prompt, { maxAttempts: 3 });
	for (const [stream, how] of [["r3", "status=409 type=RetryableConflictException"],
		["r4", "status=503 type=none"], ["r5", "status=400 type=ThrottlingException"]])
		assert.equal((await retried(`[[refuse ${how} times=2 stream=${stream}]] x`)).statusCode, 200);
	assert.equal(await failure(retried("[[refuse status=409 type=ConflictException times=2 stream=r6]] x")),
		"409 ConflictException");
	assert.equal(await failure(retried("[[refuse status=503 times=9 stream=r7]] x")).then((f) => f.slice(0, 3)), "503");
	assert.deepEqual((await upstream.stats()).attempts, { r3: 3, r4: 3, r5: 3, r6: 1, r7: 3 });
});

test("an endpoint whose clock is wrong: refused, then signed by its time", async () => {
	for (const skew of [-1200, 1200]) {
		const wrong = await startUpstream({ skew });
		const error = await invoke(CREDENTIALS, "x", { to: wrong }).catch((e) => e);
		assert.equal(error.name, "InvalidSignatureException");
		assert.match(error.message, /Signature expired/);
		const again = await invoke(CREDENTIALS, "x", { to: wrong, maxAttempts: 2 });
		assert.equal(again.statusCode, 200);
		await wrong.close();
	}
});

/* imds */

// On a busy machine the second that it waits may be too short.
const fromImds = (more, init = { timeout: 10_000 }) =>
	jsKeys({ env: environment(more), provider: "fromInstanceMetadata", init });

test("imds: the role's keys", async () => {
	begin();
	await assertKeys(await fromImds(), "imds");
	assert.deepEqual(imds.stats(), { requests: 3, tokens: 1 });
	imds.set({ role: "other", lifetime: 400 });
	const keys = await fromImds();
	await assertKeys(keys, "imds");
	assert.ok(keys.expiration.getTime() < Date.now() + 401_000);
});

test("imds: no role, odd tokens, silence, other codes", async () => {
	for (const [switches, error, stats] of [
		[{ noRole: true }, /Error response received/, { requests: 2, tokens: 1 }],
		[{ tokenStatus: 400 }, /token request returned error/, { requests: 1 }],
		[{ tokenStatus: 403 }, /Error response received/, { requests: 2, v1: 1 }],
		[{ tokenStatus: 404 }, /Error response received/, { requests: 2, v1: 1 }],
		[{ tokenStatus: 405 }, /Error response received/, { requests: 2, v1: 1 }],
		[{ tokenTtl: 0 }, /Error response received/, { requests: 2, tokens: 1 }],
		[{ hang: "instance-role" }, /TimeoutError/, { requests: 3, tokens: 1 }],
		[{ keys: { SecretAccessKey: 7 } }, /Invalid response/, { requests: 3, tokens: 1 }],
	]) {
		begin();
		imds.set(switches);
		const label = JSON.stringify(switches);
		assert.match((await fromImds({}, switches.hang && {})).error ?? "none", error, label);
		assert.deepEqual(imds.stats(), stats, label);
	}
	begin();
	imds.set({ hang: true });
	assert.match((await fromImds({ AWS_EC2_METADATA_V1_DISABLED: "true" }, {})).error, /v1 fallback/);
	assert.equal(imds.stats().requests, 1);
});

test("imds: keys that came expired are stretched, and refused by the endpoint", async () => {
	begin();
	imds.set({ lifetime: -60, code: "Failed" });
	const keys = await fromImds();
	assert.ok(keys.expiration.getTime() > Date.now());
	assert.equal(await failure(invoke(keys)), "403 ExpiredTokenException");
});

test("imds: by hand, what version 2 asks for", async () => {
	begin();
	const role = "/latest/meta-data/iam/security-credentials/";
	const ask = (method, target, headers = {}) => open(imds.url + target,
		{ method, headers, body: "" }).then((r) => r.ended);
	assert.equal((await ask("PUT", "/latest/api/token")).status, 400);
	const ttl = { "x-aws-ec2-metadata-token-ttl-seconds": "60" };
	assert.equal((await ask("PUT", "/latest/api/token", { ...ttl, "x-forwarded-for": "10.0.0.1" })).status, 403);
	const token = (await ask("PUT", "/latest/api/token", ttl)).text;
	const good = { "x-aws-ec2-metadata-token": token };
	assert.equal((await ask("GET", role, good)).text, "instance-role");
	assert.equal((await ask("GET", role)).status, 401);
	assert.equal((await ask("GET", role, { "x-aws-ec2-metadata-token": "x" })).status, 401);
	assert.equal((await ask("GET", `${role}other`, good)).status, 404);
	assert.equal((await ask("GET", "/latest/meta-data/placement/region", good)).text, "us-west-2");
	assert.equal(imds.stats().v1, 1);
});

/* container */

test("container: a token, a file with one, none", async () => {
	for (const provider of ["fromHttp", "fromContainerMetadata"]) {
		begin();
		const AWS_CONTAINER_CREDENTIALS_FULL_URI = container.url;
		const get = (more) => jsKeys({ provider,
			env: environment({ AWS_CONTAINER_CREDENTIALS_FULL_URI, ...more }) });
		await assertKeys(await get(), "container");
		container.set({ token: "Basic abc=" });
		await assertKeys(await get({ AWS_CONTAINER_AUTHORIZATION_TOKEN: "Basic abc=" }), "container");
		if (provider === "fromContainerMetadata") // it knows no files
			continue;
		const file = path.join(temporary(), "token");
		fs.writeFileSync(file, "from the file");
		container.set({ tokenFile: file });
		await assertKeys(await get({ AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file }), "container");
	}
});

test("container: wrong tokens, other statuses, silence", async () => {
	const get = ({ patience, ...init } = {}) => jsKeys({ provider: "fromHttp",
		env: environment({ AWS_CONTAINER_CREDENTIALS_FULL_URI: container.url,
			AWS_CONTAINER_AUTHORIZATION_TOKEN: "right" }),
		init: { timeout: 100, ...init }, patience });
	begin();
	assert.match((await get({ maxRetries: 0 })).error, /status: 401/);
	container.set({ token: "right", statuses: [500, 500, 200] });
	await assertKeys(await get(), "container");
	assert.deepEqual(container.stats(), { requests: 4, refused: 1 });
	container.set({ hang: true }); // for which the SDK has no time limit
	assert.match((await get({ patience: 2000 })).error, /no answer/);
	container.set({ hang: false, keys: { Token: undefined } });
	assert.match((await get({ maxRetries: 0 })).error, /required format/);
});

/* sts */

const temporaryKeys = (params = {}, { master = CREDENTIALS, ...more } = {}) =>
	fromTemporaryCredentials({ masterCredentials: master,
		params: { RoleArn: ROLE, RoleSessionName: "s-1", ...params },
		clientConfig: { region: "us-west-2", endpoint: sts.url, maxAttempts: 1, ...more } })();

test("sts: AssumeRole, and again with what it gave", async () => {
	begin();
	const first = await temporaryKeys({ ExternalId: "e/1", DurationSeconds: 900 });
	await assertKeys(first, `role test-role < ${CREDENTIALS.accessKeyId}`);
	assert.ok(first.expiration.getTime() <= Date.now() + 900_000);
	const next = await temporaryKeys({ RoleArn: ROLE.replace("test-role", "b") }, { master: first });
	await assertKeys(next, `role b < role test-role < ${CREDENTIALS.accessKeyId}`);
	assert.equal(sts.stats().AssumeRole, 2);
	assert.equal(mint.count("role"), 2);
	sts.set({ numbers: true, lifetime: 30 });
	const numbered = await temporaryKeys();
	await assertKeys(numbered, `role test-role < ${CREDENTIALS.accessKeyId}`);
	assert.ok(numbered.expiration.getTime() <= Date.now() + 30_000);
});

test("sts: whom and what it refuses, by its names", async () => {
	begin();
	const old = mint.issue("role", { lifetime: -1 });
	const chained = await temporaryKeys();
	for (const [expected, params, options, switches] of [
		["403 SignatureDoesNotMatch", {}, { master: { ...CREDENTIALS, secretAccessKey: "wrong" } }],
		["403 InvalidClientTokenId", {}, { master: { ...CREDENTIALS, accessKeyId: "AKIDOTHER" } }],
		["403 InvalidClientTokenId", {}, { master: { ...chained, sessionToken: "other" } }],
		["403 ExpiredToken", {}, { master: old }],
		["400 ValidationError", { RoleArn: "not-an-arn-but-long-enough" }],
		["400 ValidationError", { RoleSessionName: "no spaces" }],
		["400 ValidationError", { DurationSeconds: 899 }],
		["400 ValidationError", { DurationSeconds: 3601 }, { master: chained }],
		["403 SignatureDoesNotMatch", {}, {}, { region: "us-east-1" }],
		["403 AccessDenied", {}, {}, { roles: {} }],
		["403 AccessDenied", { ExternalId: "no" }, {}, { roles: { [ROLE]: { externalId: "yes" } } }],
		["503 ServiceUnavailable", {}, {}, { error: { status: 503, code: "ServiceUnavailable" } }],
		["403 RegionDisabledException", {}, {}, { error: { status: 403, code: "RegionDisabledException" } }],
	]) {
		sts.reset();
		sts.set(switches ?? {});
		assert.equal(await failure(temporaryKeys(params, options)), expected,
			JSON.stringify({ params, switches }));
	}
	sts.reset();
	sts.set({ roles: { [ROLE]: { externalId: "yes" } } });
	await temporaryKeys({ ExternalId: "yes" });
});

test("sts: its clock, and errors that pass", async () => {
	begin();
	for (const skew of [-1200, 1200]) {
		sts.set({ skew });
		assert.equal(await failure(temporaryKeys()), "403 SignatureDoesNotMatch");
		await temporaryKeys({}, { maxAttempts: 2 });
	}
	sts.set({ skew: 0, error: { status: 500, code: "InternalFailure", times: 2 } });
	await temporaryKeys({}, { maxAttempts: 3 });
});

test("sts: a web identity, unsigned", async () => {
	begin();
	const env = environment({ AWS_ROLE_ARN: ROLE, AWS_ROLE_SESSION_NAME: "web-1" });
	env.AWS_WEB_IDENTITY_TOKEN_FILE = write(env, "token", "eyJ.eyJ.sig");
	const get = () => jsKeys({ env, provider: "fromTokenFile" });
	sts.set({ webToken: "eyJ.eyJ.sig" });
	await assertKeys(await get(), "web test-role");
	assert.deepEqual(sts.stats(), { requests: 1, AssumeRoleWithWebIdentity: 1 });
	sts.set({ webTokenExpired: true });
	assert.match((await get()).error, /^ExpiredTokenException: /);
	sts.set({ webTokenExpired: false, webToken: "other" });
	assert.match((await get()).error, /^InvalidIdentityToken/);
});

test("sts: GetCallerIdentity, signed by hand", async () => {
	begin();
	const signer = new SignatureV4({ credentials: CREDENTIALS, region: "us-west-2",
		service: "sts", sha256: Sha256 });
	const ask = async (body) => {
		const request = await signer.sign(new HttpRequest({ method: "POST", protocol: "http:",
			hostname: "127.0.0.1", path: "/", body, headers: { host: `127.0.0.1:${sts.port}`,
				"content-type": "application/x-www-form-urlencoded; charset=utf-8" } }));
		return (await open(`${sts.url}/`, { method: "POST", headers: request.headers, body })).ended;
	};
	const who = await ask("Action=GetCallerIdentity&Version=2011-06-15");
	assert.equal(who.status, 200);
	assert.match(who.headers["content-type"], /^text\/xml/);
	assert.match(who.text, new RegExp(`<GetCallerIdentityResponse xmlns="[^"]+">\\s*<GetCallerIdentityResult>\\s*<Arn>arn:aws:iam::${ACCOUNT}:`));
	const other = await ask("Action=GetCallerIdentity&Version=2010-01-01");
	assert.equal(other.status, 400);
	assert.match(other.text, /<Error>\s*<Type>Sender<\/Type>\s*<Code>InvalidAction<\/Code>/);
});

test("sts: a profile's role, and the role behind it", async () => {
	begin();
	const env = home(`[default]
role_arn = ${ROLE}
source_profile = middle
[profile middle]
role_arn = ${ROLE.replace("test-role", "middle")}
source_profile = base
[profile base]
aws_access_key_id = ${CREDENTIALS.accessKeyId}
aws_secret_access_key = ${CREDENTIALS.secretAccessKey}
`);
	const trail = `role test-role < role middle < ${CREDENTIALS.accessKeyId}`;
	await assertKeys(await jsKeys({ env, provider: "fromIni" }), trail);
	await assertKeys(await jsKeys({ env }), trail);
});

/* sso */

const SSO_KEYS = `sso_account_id = ${ACCOUNT}\nsso_role_name = Permission-Set\n`;
const SSO_PLACE = "sso_region = eu-west-1\nsso_start_url = https://x.awsapps.com/start\n";
const cache = (name) => `.aws/sso/cache/${createHash("sha1").update(name).digest("hex")}.json`;
const inSeconds = (s) => new Date(Date.now() + 1000 * s).toISOString().replace(/\.\d+/, "");
const REFRESHABLE = { refreshToken: "aorEXAMPLE", clientId: "client", clientSecret: "client secret" };

function ssoHome(token, legacy = false) {
	const env = home(legacy ? `[default]\n${SSO_KEYS}${SSO_PLACE}`
		: `[default]\nsso_session = my-sso\n${SSO_KEYS}[sso-session my-sso]\n${SSO_PLACE}`);
	env.token = write(env, cache(legacy ? "https://x.awsapps.com/start" : "my-sso"),
		JSON.stringify({ accessToken: "aoaEXAMPLE/+==", expiresAt: inSeconds(3600), ...token }));
	return env;
}

const fromSso = (env, init) => jsKeys({ env, provider: "fromSSO", init });

test("sso: a session, the legacy form, the endpoint in the code", async () => {
	begin();
	await assertKeys(await fromSso(ssoHome()), "sso Permission-Set");
	await assertKeys(await fromSso(ssoHome({}, true)), "sso Permission-Set");
	await assertKeys(await fromSso({ ...ssoHome(), AWS_ENDPOINT_URL_SSO: "http://127.0.0.1:9" },
		{ clientConfig: { endpoint: sso.url } }), "sso Permission-Set");
	assert.deepEqual(sso.stats(), { requests: 3 });
});

test("sso: a token about to expire is renewed, and written back", async () => {
	begin();
	const env = ssoHome({ ...REFRESHABLE, expiresAt: inSeconds(60) });
	await assertKeys(await fromSso(env), "sso Permission-Set");
	assert.equal(sso.stats().refreshes, 1);
	const written = JSON.parse(fs.readFileSync(env.token));
	assert.equal(written.accessToken, sso.is.accessToken);
	assert.equal(written.refreshToken, sso.is.refreshToken);
	assert.notEqual(written.refreshToken, REFRESHABLE.refreshToken);
	await assertKeys(await fromSso(env), "sso Permission-Set");
	assert.equal(sso.stats().refreshes, 1);
});

test("sso: what is refused", async () => {
	for (const [token, switches, error] of [
		[{}, { accessToken: "other" }, /UnauthorizedException.*not found or invalid/],
		[{}, { role: "Other" }, /ForbiddenException.*No access/],
		[{}, { account: "000000000000" }, /ForbiddenException.*No access/],
		[{ ...REFRESHABLE, clientSecret: "x", expiresAt: inSeconds(-1) }, {}, /expired/],
		[{ ...REFRESHABLE, refreshToken: "x", expiresAt: inSeconds(-1) }, {}, /expired/],
		[{ expiresAt: inSeconds(-1) }, {}, /Cannot refresh/],
	]) {
		begin();
		sso.set(switches);
		assert.match((await fromSso(ssoHome(token))).error ?? "none", error);
	}
	const reply = await open(`${sso.url}/token`, { method: "POST",
		headers: { "content-type": "application/json" }, body: JSON.stringify({
			clientId: "client", clientSecret: "client secret", grantType: "refresh_token",
			refreshToken: "gone" }) }).then((r) => r.ended);
	assert.equal(reply.status, 400);
	assert.equal(reply.headers["x-amzn-errortype"], "InvalidGrantException");
	assert.equal(reply.json().error, "invalid_grant");
});

/* processes */

test("a process that prints keys", async () => {
	begin();
	const keys = mint.issue("role");
	const env = home("[default]\ncredential_process = cat keys.json\n");
	const file = write(env, "keys.json", JSON.stringify({ Version: 1,
		AccessKeyId: keys.accessKeyId, SecretAccessKey: keys.secretAccessKey,
		SessionToken: keys.sessionToken, Expiration: keys.expiration }));
	write(env, ".aws/config", `[default]\ncredential_process = cat "${file}"\n`);
	await assertKeys(await jsKeys({ env, provider: "fromProcess" }), "role");
});

/* bedrock */

// {events, text, usage, stop, error}.
async function converse(prompt, { options, messages, ...more } = {}) {
	const found = { events: [], text: "" };
	try {
		const answer = await new BedrockRuntimeClient({ region: "us-west-2",
			endpoint: bedrock.url, credentials: CREDENTIALS, maxAttempts: 1,
			requestHandler: new NodeHttpHandler(), ...options })
			.send(new ConverseStreamCommand({ modelId: MODEL, ...more,
				messages: messages ?? [{ role: "user", content: [{ text: prompt }] }] }));
		for await (const event of answer.stream) {
			found.events.push(Object.keys(event)[0]);
			found.text += event.contentBlockDelta?.delta?.text ?? "";
			found.reasoning = (found.reasoning ?? "")
				+ (event.contentBlockDelta?.delta?.reasoningContent?.text ?? "");
			found.tool = (found.tool ?? "")
				+ (event.contentBlockDelta?.delta?.toolUse?.input ?? "");
			found.stop ??= event.messageStop?.stopReason;
			found.usage ??= event.metadata?.usage;
		}
	} catch (error) {
		found.error = error;
	}
	return found;
}

const said = (...texts) => texts.map((text, i) =>
	({ role: i % 2 ? "assistant" : "user", content: [{ text }] }));

test("bedrock: words, usage, Japanese", async () => {
	await bedrock.reset();
	const answer = await converse("こんにちは 世界 🌏", { system: [{ text: "sys" }],
		inferenceConfig: { maxTokens: 100, temperature: 0.5, topP: 1, stopSequences: ["x"] } });
	assert.equal(answer.error, undefined);
	assert.equal(answer.text, "こんにちは 世界 🌏");
	assert.deepEqual(answer.events, ["messageStart", ...Array(3).fill("contentBlockDelta"),
		"contentBlockStop", "messageStop", "metadata"]);
	assert.equal(answer.stop, "end_turn");
	assert.deepEqual({ ...answer.usage }, { inputTokens: 3, outputTokens: 3, totalTokens: 6 });
	const [request] = await bedrock.requests();
	assert.equal(request.url, "/model/openai.gpt-oss-120b-1%3A0/converse-stream");
	assert.equal(request.model, MODEL);
	assert.equal(request.accessKeyId, CREDENTIALS.accessKeyId);
	assert.equal(request.body.inferenceConfig.maxTokens, 100);
	assert.equal((await converse("[[jp split]]")).text, JP.join(""));
});

test("bedrock: it remembers what the messages say, and nothing else", async () => {
	const first = "My name is 太郎.";
	const asked = "What did I say first?";
	assert.equal((await converse(null, { messages: said(first, "Yes.", asked) })).text, first);
	assert.equal((await converse(asked)).text, asked);
});

test("bedrock: an API key, or temporary keys", async () => {
	await bedrock.reset();
	const bearer = (token) => ({ token: { token }, authSchemePreference: ["httpBearerAuth"] });
	assert.equal((await converse("hi there", { options: bearer(API_KEY) })).text, "hi there");
	assert.equal((await bedrock.requests())[0].headers.authorization, `Bearer ${API_KEY}`);
	assert.equal((await converse("hi", { options: bearer("other") })).error.name,
		"AccessDeniedException");
	begin();
	assert.equal((await converse("hi", { options: { credentials: mint.issue("imds") } })).text, "hi");
	for (const [name, credentials] of [
		["ExpiredTokenException", mint.issue("imds", { lifetime: -1 })],
		["UnrecognizedClientException", { ...CREDENTIALS, accessKeyId: "AKIDOTHER" }],
		["InvalidSignatureException", { ...CREDENTIALS, secretAccessKey: "wrong" }]]) {
		const { error } = await converse("hi", { options: { credentials } });
		assert.equal(`${error.$metadata.httpStatusCode} ${error.name}`, `403 ${name}`);
	}
});

test("bedrock: exceptions in the stream", async () => {
	for (const [type, name] of [
		["throttlingException", "ThrottlingException"],
		["modelStreamErrorException", "ModelStreamErrorException"],
		["internalServerException", "InternalServerException"],
		["validationException", "ValidationException"],
		["serviceUnavailableException", "ServiceUnavailableException"]]) {
		const answer = await converse(`[[exception type=${type} n=1]]`);
		assert.equal(answer.text, "word0 ");
		assert.equal(answer.error?.name, name);
		assert.match(answer.error.message, /zebrawords/);
	}
	const plain = await converse("[[error code=Odd]]");
	assert.equal(plain.text, "word0 word1 ");
	assert.equal(plain.error?.name, "Odd");
});

test("bedrock: HTTP errors, and those that pass", async () => {
	await bedrock.reset();
	for (const [status, type] of [[403, "AccessDeniedException"], [404, "ResourceNotFoundException"],
		[429, "ThrottlingException"], [429, "ModelNotReadyException"], [408, "ModelTimeoutException"],
		[424, "ModelErrorException"], [503, "ServiceUnavailableException"]]) {
		const { error } = await converse(`[[status code=${status} type=${type}]]`);
		assert.equal(`${error.$metadata.httpStatusCode} ${error.name}`, `${status} ${type}`);
	}
	const again = await converse("[[refuse status=429 type=ModelNotReadyException times=1 stream=b]] at last",
		{ options: { maxAttempts: 2 } });
	assert.equal(again.text, "at last");
	assert.deepEqual((await bedrock.stats()).attempts, { b: 2 });
	assert.equal((await converse("x", { modelId: "other.model" })).error.name,
		"ResourceNotFoundException");
});

test("bedrock: broken streams", async () => {
	for (const mode of ["cut", "reset", "half", "crc", "prelude"]) {
		const answer = await converse(`[[${mode} n=3]]`);
		assert.equal(answer.text, "word0 word1 word2 ", mode);
		assert.ok(answer.error, mode);
	}
	const { error, stop } = await converse("[[nostop]]");
	assert.deepEqual([error, stop], [undefined, undefined]);
});

test("bedrock: other blocks, events and ends", async () => {
	assert.equal((await converse("[[stop reason=guardrail_intervened]]")).stop, "guardrail_intervened");
	const reasoning = await converse("[[reasoning]]");
	assert.equal(reasoning.text, "It is so.");
	assert.equal(reasoning.reasoning, "The user asks.");
	const tool = await converse("[[tool]]");
	assert.equal(tool.stop, "tool_use");
	assert.deepEqual(JSON.parse(tool.tool), { city: "東京" });
	assert.equal((await converse("[[unknown]]")).text, "known text");
	assert.equal((await converse("[[usage]]")).usage.cacheReadInputTokens, 3);
	assert.ok((await converse("[[big k=300]]")).text.length >= 300 * 1024);
});

test("bedrock: bodies it does not take", async () => {
	const one = said("hi");
	for (const more of [
		{ messages: [] },
		{ messages: said("hi", "yes") },
		{ messages: said("x", "y").reverse() },
		{ messages: [...one, ...one] },
		{ messages: said(" \n") },
		{ messages: [{ role: "user", content: [] }] },
		{ messages: one, system: [{ text: "" }] },
		{ messages: one, inferenceConfig: { maxTokens: 0 } },
		{ messages: one, inferenceConfig: { temperature: 1.1 } },
		{ messages: one, inferenceConfig: { topP: -0.1 } },
		{ messages: one, inferenceConfig: { stopSequences: [""] } },
		{ messages: one, guardrailConfig: { guardrailIdentifier: "abc", guardrailVersion: "x" } },
	]) {
		const { error } = await converse(null, more);
		assert.equal(`${error?.$metadata.httpStatusCode} ${error?.name}`,
			"400 ValidationException", JSON.stringify(more));
	}
	const good = await converse(null, { messages: one,
		guardrailConfig: { guardrailIdentifier: "abc", guardrailVersion: "DRAFT" } });
	assert.equal(good.text, "hi");
});

test("bedrock: step by step", async () => {
	await bedrock.reset();
	const answer = converse("[[stop n=2 gate stream=steps]]");
	for (let sent = 0; ;) {
		const stream = (await bedrock.stats()).streams.find((s) => s.stream === "steps");
		if (stream && !stream.open)
			break;
		if (stream?.waiting && stream.events === sent) {
			sent++;
			await bedrock.go("steps");
		}
		await new Promise((r) => setTimeout(r, 5));
	}
	assert.equal((await answer).text, "word0 word1 ");
});

await run(async () => {
	await Promise.all([servers.close(), upstream.close(), bedrock.close()]);
	await stopAll();
});
