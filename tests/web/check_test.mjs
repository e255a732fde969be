// agentcgi check: each thing that keeps agents from answering, brought about
// once for real, and what is said of it.

import { createHash } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { startBedrock } from "../upstream/bedrock.mjs";
import { startKeyServers } from "../upstream/keys.mjs";
import { ACCOUNT, ARN, CREDENTIALS, SECRETS, startUpstream } from "../upstream/upstream.mjs";
import { makeCertificate } from "../lib/certs.mjs";
import { AGENTCGI, cleanEnvironment, configText } from "../lib/servers.mjs";
import { freePort, runToEnd, start, stopAll, temporary, until } from "../lib/proc.mjs";
import { assert, run, test } from "../lib/tap.mjs";

const OLD = { accessKeyId: "AKIDOLD", secretAccessKey: "oldsecret" };
const API_KEY = "ABSKsecretapikey";
const MODEL = "openai.gpt-oss-20b-1:0";
const STRANGER = ARN.replace("sample-", "other-");

const keys = await startKeyServers({ credentials: CREDENTIALS });
const known = (now) => [CREDENTIALS, ...keys.mint.credentials(now)];
const upstream = await startUpstream({ credentials: known, expired: () => [OLD.accessKeyId] });
const bedrock = await startBedrock({ apiKeys: [API_KEY], models: [MODEL] });

async function listening(server) {
	await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
	return server.address().port;
}

const web = http.createServer((req, res) => {
	const text = req.method === "POST" ? "data: \"yes\"\n\n" : "";
	const [, of, status] = /(post)?(\d+)$/.exec(req.url) ?? [];
	res.writeHead(status && (!of || text) ? status : 200, { "content-type": "text/event-stream" });
	web.asked.push(`${req.method} ${req.headers.authorization ?? "-"} ${req.headers["x-api-key"] ?? "-"}`);
	res.end(text);
});
web.asked = [];
const silent = net.createServer(() => {});
const deniedModel = http.createServer((req, res) => {
	res.writeHead(403, { "content-type": "application/json", "x-amzn-errortype": "AccessDeniedException" });
	res.end('{"message":"no identity-based policy allows it"}');
});
const urls = { web: `http://127.0.0.1:${await listening(web)}`,
	silent: `http://127.0.0.1:${await listening(silent)}`,
	nobody: `http://127.0.0.1:${await freePort()}` };
deniedModel.url = `http://127.0.0.1:${await listening(deniedModel)}`;

const certificate = await makeCertificate();
const wrongName = await makeCertificate("DNS:elsewhere.example");
const tls = await startUpstream({ tls: certificate.tls });
const tlsWrongName = await startUpstream({ tls: wrongName.tls });

/* the command, twice, and what it finds */

const ABOUT = /^(ok|warning|failed) +(configuration|state_dir|ca_file|clock|--agent|agent [a-z]+: [a-z]+): (.*)$/;

// The findings of the text: each line is the beginning of one or belongs to it.
function parseText(text) {
	const lines = text.split("\n");
	assert.equal(lines.pop(), "", text);
	const summary = lines.pop();
	const found = [];
	let into;
	for (const line of lines) {
		const [, level, about, what] = ABOUT.exec(line) ?? [];
		if (level) {
			found.push({ level, about, what, todo: "" });
			into = "what";
		} else if (line.startsWith("        -> ")) {
			found.at(-1).todo = line.slice(11);
			into = "todo";
		} else {
			assert.match(line, /^ {11}\S/, text);
			found.at(-1)[into] += `\n${line.slice(11)}`;
		}
	}
	const count = (level) => found.filter((f) => f.level === level).length;
	assert.equal(summary, `${count("failed")} failed, ${count("warning")} warnings`);
	return found;
}

// Time goes by between two runs.
const timeless = (value) => JSON.stringify(value).replace(/\d+ (s|min|h)\b/g, "N $1");

function assertClean(text) {
	// The one place for ARNs and actions, and the form of an ARN.
	const rest = text.replace(/\{\\?"Version.*?\]\}\]\}/g, "")
		.replaceAll("arn:aws:bedrock-agentcore:REGION:ACCOUNT:runtime/NAME-ID", "");
	const minted = keys.mint.issued.flatMap((k) =>
		[k.accessKeyId, k.secretAccessKey, k.sessionToken]);
	for (const secret of [...SECRETS, ...minted, ...Object.values(OLD), API_KEY, MODEL,
		keys.sso.is.accessToken, keys.sso.is.refreshToken])
		assert.ok(!rest.includes(secret), `${secret} in:\n${text}`);
}

async function checkOnce(args, { env, file, command = [AGENTCGI] }) {
	const done = await runToEnd([...command, "check",
		...(file ? ["--config", file] : []), ...args], { env });
	assert.equal(done.err, "");
	assert.equal(done.signal, null);
	assertClean(done.out);
	return done;
}

/* {code, found}.  Where it does not cost anything, as JSON once more. */
async function checked(args, options) {
	const text = await checkOnce(args, options);
	const found = parseText(text.out);
	const failed = found.some((f) => f.level === "failed");
	if (text.code !== 78)
		assert.equal(text.code, failed ? 1 : 0, text.out);
	if (!args.includes("--invoke")) {
		const json = await checkOnce([...args, "--json"], options);
		assert.equal(json.code, text.code);
		const { ok, findings, ...more } = JSON.parse(json.out);
		assert.deepEqual(more, {});
		assert.equal(ok, !failed);
		assert.equal(timeless(findings), timeless(found));
	}
	return { code: text.code, found, text: text.out };
}

/*
 * A case: agents (what their sections have besides or instead of the default's;
 * null: no file), globals, env, files below HOME, set(), args.  @dir@ is HOME.
 * bad is all that is not ok, in its order, each [level, about, what, todo];
 * ok what else there must be, [about, what] each; unless code says so, the exit
 * status follows from bad.  Texts or regular expressions.
 */
async function prepare(c) {
	keys.reset();
	upstream.set({ arns: [ARN], refuse: {}, directive: "", skew: 0 });
	await upstream.reset();
	await bedrock.reset();
	c.set?.();
	const dir = temporary();
	fs.chmodSync(dir, 0o755);
	const fill = (text) => text.replaceAll("@dir@", dir);
	for (const [name, text] of Object.entries(c.files ?? {})) {
		fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
		fs.writeFileSync(path.join(dir, name), fill(text), { mode: 0o600 });
	}
	fs.mkdirSync(path.join(dir, "state"), { mode: 0o700 });
	const env = cleanEnvironment(dir, Object.fromEntries(Object.entries({
		AWS_ENDPOINT_URL_STS: keys.sts.url,
		AWS_ENDPOINT_URL_SSO: keys.sso.url,
		AWS_EC2_METADATA_SERVICE_ENDPOINT: keys.imds.url,
		...c.env,
	}).map(([name, value]) => [name, value && fill(value)])));
	if (c.agents === null)
		return { dir, env };
	const file = path.join(dir, "agentcgi.conf");
	const base = { arn: ARN, endpoint: upstream.url };
	const agents = Object.fromEntries(Object.entries(c.agents ?? { default: {} })
		.map(([name, more]) => [name, more.backend ? more : { ...base, ...more }]));
	fs.writeFileSync(file, fill(c.text ?? configText(
		{ state_dir: "@dir@/state", ca_file: certificate.ca, ...c.globals }, agents)));
	return { dir, env, file };
}

function assertMatches(text, wanted, all) {
	if (wanted instanceof RegExp)
		assert.match(text, wanted, all);
	else
		assert.equal(text, wanted, all);
}

async function checks(c) {
	const place = await prepare(c);
	const { code, found, text } = await checked(c.args ?? [], place);
	const bad = found.filter((f) => f.level !== "ok");
	assert.deepEqual(bad.map((f) => [f.level, f.about]),
		c.bad.map(([level, about]) => [level, about]), text);
	c.bad.forEach(([, , what, todo], i) => {
		assertMatches(bad[i].what, what, text);
		assertMatches(bad[i].todo, todo, text);
	});
	for (const [about, what] of c.ok ?? []) {
		const one = found.find((f) => f.about === about);
		assert.equal(one?.level, "ok", text);
		assertMatches(one.what, what, text);
	}
	if (c.code !== undefined)
		assert.equal(code, c.code);
	await c.after?.(found, place);
}

const cases = (group, list) => {
	for (const c of list)
		test(`${group}: ${c.name}`, () => checks(c));
};

/* what is expected more than once */

const KEYS = "agent default: keys";
const SERVICE = "agent default: service";
const ANSWER = "agent default: answer";
const ACCEPTED = "the service answers, and accepts the signature";
const NO_KEYS = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined };
const PLACES = /^CREDENTIALS in agentcgi\(8\)/;
const THERE_ARE_NONE = /, as there are no AWS_ACCESS_KEY_ID, profile, /;
const INVOKE = { args: ["--invoke"] };
const MISMATCH = "Authorization method mismatch. The agent is configured for a different "
	+ "authorization method than what was used in your request. Check the agent's authorization "
	+ "configuration and ensure your request uses the matching method (OAuth or SigV4)";

const refusing = (operation, status, type, message = "no") => () =>
	upstream.set({ refuse: { [operation]: { status, type, message } } });
const refusesStop = (...args) => refusing("stopruntimesession", ...args);
const refusesInvoke = (...args) => refusing("invocations", ...args);
const denied = (action) => `User: arn:aws:iam::${ACCOUNT}:user/x is not authorized to perform: `
	+ `bedrock-agentcore:${action} on resource: ${ARN} because no identity-based policy allows it`;
const invocations = async () => (await upstream.stats()).streams.length;

const POLICY = "agent default: policy";
const ATTACH = "attach the policy above to whoever the keys belong to";
const MAY_INVOKE = "--invoke tells whether the keys may InvokeAgentRuntime";
const OWNER = "the IAM user or role that the Bedrock key belongs to";

// What is told once, behind the target: [actions, resources] of each statement.
function assertPolicy(found, statements, before = "the smallest policy that its keys need:") {
	const at = found.findIndex((f) => f.about === POLICY);
	assert.equal(found[at - 1].about, "agent default: target");
	assert.equal(found.filter((f) => /Version/.test(f.what + f.todo)).length, 1);
	const [first, policy] = found[at].what.split("\n");
	assert.equal(first, before);
	assert.deepEqual([found[at].level, found[at].todo], ["ok", ""]);
	assert.deepEqual(JSON.parse(policy), { Version: "2012-10-17",
		Statement: statements.map(([actions, resources]) =>
			({ Effect: "Allow", Action: actions, Resource: resources })) });
}

const assertInvokePolicy = (found, qualifier = "DEFAULT") => assertPolicy(found,
	[[["bedrock-agentcore:InvokeAgentRuntime"], [ARN, `${ARN}/runtime-endpoint/${qualifier}`]]]);
const CONVERSE = ["bedrock:InvokeModelWithResponseStream"];
const OF_MODEL = [CONVERSE, [`arn:aws:bedrock:us-west-2::foundation-model/${MODEL}`]];
const BEARER = [["bedrock:CallWithBearerToken"], ["*"]];

const model = (more) => ({ default: { backend: "bedrock", model: MODEL, region: "us-west-2",
	endpoint: bedrock.url, ...more } });

/* all is well */

cases("well", [
	{ name: "keys of the environment; no invocation", bad: [], ok: [
		["configuration", /^\/.*\/agentcgi\.conf$/],
		["state_dir", /^\/.*\/state can be written by \S+, and belongs to \S+$/],
		["ca_file", /\.pem$/],
		["agent default: target", `AgentCore in us-west-2 at ${upstream.url}`],
		[KEYS, "keys of the environment"],
		[SERVICE, ACCEPTED],
	],
	async after(found) {
		assertInvokePolicy(found);
		assert.equal(found.at(-1).todo, MAY_INVOKE);
		assert.equal(await invocations(), 0);
		assert.equal((await upstream.stats()).stops, 2); // text, JSON
	} },
	{ name: "nothing but the environment", agents: null, bad: [],
		env: { AGENT_RUNTIME_ARN: ARN, AWS_ENDPOINT_URL_BEDROCK_AGENTCORE: upstream.url,
			AGENTCGI_CONFIG: "@dir@/c" },
		files: { c: "state_dir = @dir@/state\n" }, ok: [[SERVICE, ACCEPTED]] },
	{ name: "a role, with the time it has left", env: { ...NO_KEYS, AWS_PROFILE: "a" },
		files: { ".aws/config": `[profile a]\nrole_arn = arn:aws:iam::${ACCOUNT}:role/a\n`
			+ `source_profile = b\n[profile b]\naws_access_key_id = ${CREDENTIALS.accessKeyId}\n`
			+ `aws_secret_access_key = ${CREDENTIALS.secretAccessKey}\n` },
		bad: [], ok: [[SERVICE, ACCEPTED],
			[KEYS, /^profile a: role, from keys of the shared files; good for another (59|60) min$/]] },
	{ name: "an instance's role", env: { ...NO_KEYS, AWS_EC2_METADATA_DISABLED: undefined },
		bad: [], ok: [[KEYS, THERE_ARE_NONE], [SERVICE, ACCEPTED]] },
	{ name: "a session that nobody has, as the service words it", bad: [],
		set: refusesStop(404, "ResourceNotFoundException", "Session not found"),
		ok: [[SERVICE, ACCEPTED]] },
	{ name: "StopRuntimeSession is not allowed, and need not be", bad: [],
		set: refusesStop(403, "AccessDeniedException", denied("StopRuntimeSession")),
		ok: [[SERVICE, /^the service knows the keys; .*StopRuntimeSession/]],
		after: (found) => assert.equal(found.at(-1).todo, MAY_INVOKE) },
	{ name: "StopRuntimeSession is denied, which does no harm", bad: [],
		set: refusesStop(403, "AccessDeniedException", `User: x is not authorized to perform: `
			+ `bedrock-agentcore:StopRuntimeSession on resource: ${ARN} with an explicit deny in an identity-based policy`),
		ok: [[SERVICE, /^the service knows the keys; .*StopRuntimeSession/]],
		after: (found) => assert.equal(found.at(-1).todo, MAY_INVOKE) },
	{ name: "a model", bad: [],
		agents: { default: { backend: "bedrock", model: MODEL, region: "us-west-2", endpoint: bedrock.url } },
		ok: [["agent default: target", `Bedrock in us-west-2 at ${bedrock.url}`],
			[KEYS, "keys of the environment"], [SERVICE, ACCEPTED]],
		after: async () => assert.equal((await bedrock.stats()).streams.length, 0) },
	{ name: "a model with its own key", bad: [], files: { key: API_KEY },
		agents: { default: { backend: "bedrock", model: MODEL, region: "us-west-2",
			endpoint: bedrock.url, auth: "api_key", api_key_file: "@dir@/key" } },
		ok: [[KEYS, /^the key in \/.*\/key$/], [SERVICE, ACCEPTED]],
		after: (found) => assertPolicy(found, [OF_MODEL, BEARER], `the smallest policy that ${OWNER} needs:`) },
	{ name: "a model with a guardrail", bad: [],
		agents: { default: { backend: "bedrock", model: MODEL, region: "us-west-2",
			endpoint: bedrock.url, guardrail: "gr1" } },
		ok: [[SERVICE, ACCEPTED]],
		after: (found) => assertPolicy(found, [OF_MODEL,
			[["bedrock:ApplyGuardrail"], ["arn:aws:bedrock:us-west-2:*:guardrail/gr1"]]]) },
	{ name: "a URL, of which only OPTIONS is asked, without keys", bad: [], files: { key: API_KEY },
		set: () => web.asked.splice(0),
		agents: { default: { backend: "http", url: `${urls.web}/x?code=zebrawords`, auth: "api_key",
			api_key_file: "@dir@/key" } },
		ok: [["agent default: target", `HTTP at ${urls.web}/x`],
			[SERVICE, /^the server answers \(--invoke/]],
		after: () => assert.deepEqual(web.asked, ["OPTIONS - -", "OPTIONS - -"]) },
	{ name: "an agent that takes its callers' tokens", agents: { default: { auth: "bearer" } },
		env: NO_KEYS, set: refusesStop(401, "UnauthorizedException"), bad: [],
		ok: [[SERVICE, "the service answers; callers bring their token"]] },
	{ name: "TLS, by ca_file", agents: { default: { endpoint: tls.url } }, bad: [],
		ok: [[SERVICE, ACCEPTED]] },
	{ name: "--invoke: exactly one invocation", ...INVOKE, bad: [], ok: [[ANSWER, "it has answered"]],
		after: async (found) => {
			assert.equal(found.find((f) => f.about === SERVICE).todo, "");
			assert.equal(await invocations(), 1);
		} },
	{ name: "--invoke: an agent that takes longer than its first byte may", ...INVOKE, bad: [],
		agents: { default: { first_byte_timeout: "2s" } },
		set: () => upstream.set({ directive: "[[sse n=4 t=1000]]" }), ok: [[ANSWER, "it has answered"]] },
	{ name: "--invoke: a model, and a URL", ...INVOKE, bad: [],
		agents: { default: { backend: "bedrock", model: MODEL, region: "us-west-2", endpoint: bedrock.url },
			url: { backend: "http", url: urls.web, auth: "none" } },
		set: () => web.asked.splice(0),
		ok: [[ANSWER, "it has answered"], ["agent url: answer", "it has answered"]],
		after: async () => {
			assert.equal((await bedrock.stats()).streams.length, 1);
			assert.deepEqual(web.asked, ["OPTIONS - -", "POST - -"]);
		} },
	{ name: "several agents, or the one that is named", bad: [], args: ["--agent", "two"],
		agents: { default: { endpoint: urls.nobody }, two: {} },
		ok: [["agent two: service", ACCEPTED]],
		after: (found) => assert.ok(!found.some((f) => f.about.startsWith("agent default"))) },
]);

/* configuration */

const KEYS_MANUAL = "agentcgi.conf(5) has all keys and their values";
const unusable = (what, more) => ({ code: 78, bad: [["failed", "configuration", what, KEYS_MANUAL]],
	after: (found) => assert.equal(found.length, 1), ...more });

cases("configuration", [
	{ name: "none at all", agents: null, ...unusable(/^no agent is configured: set AGENT_RUNTIME_ARN/) },
	{ name: "a file that is missing", agents: null, env: { AGENTCGI_CONFIG: "@dir@/none" },
		...unusable(/^\/.*\/none: No such file or directory$/) },
	{ name: "a file that is none", text: "[agent default\narn\n", ...unusable(/agentcgi\.conf:1: /) },
	{ name: "an unknown key", text: `log_level = info\nlog_levle = info\n`,
		...unusable(/agentcgi\.conf:2: .*log_levle/) },
	{ name: "a wrong value", text: `\n\nmax_streams = many\n`,
		...unusable(/agentcgi\.conf:3: .*max_streams/) },
	{ name: "a wrong ARN", agents: { default: { arn: `${ARN}?` } },
		...unusable(/agentcgi\.conf:\d+: arn .*the ARN of an AgentCore runtime/) },
	{ name: "a wrong ARN in the environment", agents: null,
		env: { AGENT_RUNTIME_ARN: "arn:aws:s3:::bucket" },
		...unusable(/AGENT_RUNTIME_ARN in the environment must be the ARN/) },
	{ name: "a region that is not the ARN's", agents: { default: { region: "eu-west-1" } },
		...unusable(/region = eu-west-1, but its ARN is of us-west-2/) },
	{ name: "what this version cannot do", globals: { store: "redis://127.0.0.1:1/0" },
		bad: [["warning", "configuration", "store", "it has no effect in this version"]] },
	{ name: "no agent of the name", args: ["--agent", "none"], agents: { default: {}, two: {} },
		bad: [["failed", "--agent", "there is no agent of this name", "there are: default two"]] },
]);

/* keys */

const noKeys = (what, more, todo = PLACES) => ({ ...more, env: { ...NO_KEYS, ...more.env },
	bad: [["failed", KEYS, what, todo]],
	after: async (found) => {
		assert.equal(found.at(-1).about, KEYS);
		assert.equal((await upstream.stats()).requests, 0);
	} });
const INSTANCE = { AWS_EC2_METADATA_DISABLED: undefined, AWS_METADATA_SERVICE_TIMEOUT: "1",
	AWS_METADATA_SERVICE_NUM_ATTEMPTS: "1" };
const START_URL = "https://x.awsapps.com/start";
const SSO = `[profile s]\nsso_session = my-sso\nsso_account_id = ${ACCOUNT}\n`
	+ `sso_role_name = Permission-Set\n[sso-session my-sso]\nsso_region = eu-west-1\n`
	+ `sso_start_url = ${START_URL}\n`;
const SSO_CACHE = `.aws/sso/cache/${createHash("sha1").update("my-sso").digest("hex")}.json`;

cases("keys", [
	{ name: "nowhere, even when asked to --invoke", ...INVOKE,
		...noKeys(new RegExp(["^no AWS credentials: .*", "looked at: environment: AWS_ACCESS_KEY_ID is not set",
			"profile default: not in /.*/credentials, /.*/config", "web identity: .* is not set",
			"container: .* are not set", "instance: forbidden by AWS_EC2_METADATA_DISABLED$"].join("\n")), {}) },
	{ name: "half a pair", ...noKeys(/^AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not/,
		{ env: { AWS_ACCESS_KEY_ID: "AKIDX" } }) },
	{ name: "a profile that is missing", ...noKeys(/profile none is in neither \/.*\/credentials nor \/.*\/config: add it/,
		{ env: { AWS_PROFILE: "none" } }) },
	{ name: "a profile of the configuration that is missing",
		...noKeys(/profile none is in neither/, { agents: { default: { profile: "none" } } }) },
	{ name: "a credential_process that fails", ...noKeys(/^profile p: a credential_process:\n(.*\n)?.*exit status 3/,
		{ env: { AWS_PROFILE: "p" },
			files: { ".aws/config": `[profile p]\ncredential_process = sh -c "echo no luck >&2; exit 3"\n` } }) },
	{ name: "a role that may not be assumed", ...noKeys(/^profile a: role, .*\n.*STS answered AssumeRole with 403 AccessDenied/,
		{ env: { AWS_PROFILE: "a" }, set: () => keys.sts.set({ roles: {} }),
			files: { ".aws/config": `[profile a]\nrole_arn = arn:aws:iam::${ACCOUNT}:role/a\nsource_profile = a\n`
				+ `aws_access_key_id = ${CREDENTIALS.accessKeyId}\naws_secret_access_key = ${CREDENTIALS.secretAccessKey}\n` } }) },
	{ name: "an instance without a role", ...noKeys(/^an EC2 instance's role, as there are no AWS_ACCESS_KEY_ID[^\n]*\n[^]*no role/,
		{ env: INSTANCE, set: () => keys.imds.set({ noRole: true }) }) },
	{ name: "an instance's metadata that hang", ...noKeys(/^an EC2 instance's role, [^\n]*\n[^]*no answer/,
		{ env: INSTANCE, set: () => keys.imds.set({ hang: true }) }) },
	{ name: "a container's endpoint that says 403", ...noKeys(/^the container's endpoint:\n[^]*answered 403/,
		{ env: { AWS_CONTAINER_CREDENTIALS_FULL_URI: keys.container.url },
			set: () => keys.container.set({ statuses: Array(20).fill(403) }) }) },
	{ name: "a session of Identity Center that has ended",
		...noKeys(/^profile s: a session of IAM Identity Center:\n[^]*my-sso .*run aws sso login/,
			{ env: { AWS_PROFILE: "s" }, files: { ".aws/config": SSO, [SSO_CACHE]: JSON.stringify({
				accessToken: "aoaEXAMPLE/+==", expiresAt: "2020-01-01T00:00:00Z" }) } }) },
	{ name: "an api_key_file that is missing", ...noKeys(/^the key in \/.*\/none:\n.*none.*is not there/,
		{ agents: { default: { backend: "bedrock", model: MODEL, region: "us-west-2",
			endpoint: bedrock.url, auth: "api_key", api_key_file: "@dir@/none" } } },
		/^write the key into that file/) },
	{ name: "an AWS_PROFILE that is not looked at", env: { AWS_PROFILE: "x" },
		bad: [["warning", KEYS, /^AWS_PROFILE is ignored/, ""]], ok: [[SERVICE, ACCEPTED]] },
	{ name: "expired, by AWS_CREDENTIAL_EXPIRATION",
		env: { AWS_CREDENTIAL_EXPIRATION: new Date(Date.now() - 600_000).toISOString() },
		bad: [["failed", KEYS, /^keys of the environment; expired for \d+ min$/, "renew them at their source"]] },
	{ name: "about to expire", env: { AWS_CREDENTIAL_EXPIRATION: new Date(Date.now() + 55_000).toISOString() },
		bad: [["warning", KEYS, /; good for another \d+ s$/, "renew them at their source"]] },
	{ name: "expired, by the service's words", env: { AWS_ACCESS_KEY_ID: OLD.accessKeyId,
		AWS_SECRET_ACCESS_KEY: OLD.secretAccessKey },
	bad: [["failed", SERVICE, "403 ExpiredTokenException", /^the keys have expired/]] },
	{ name: "unknown", env: { AWS_ACCESS_KEY_ID: "AKIDNOBODY" },
		bad: [["failed", SERVICE, "403 UnrecognizedClientException", /^there are no keys of this id/]] },
	{ name: "a wrong secret", env: { AWS_SECRET_ACCESS_KEY: "wrong" },
		bad: [["failed", SERVICE, "403 InvalidSignatureException", /^the secret key is not that of the key id/]] },
	{ name: "a model's key that is wrong", env: { AWS_BEARER_TOKEN_BEDROCK: "wrong" },
		agents: { default: { backend: "bedrock", model: MODEL, region: "us-west-2", endpoint: bedrock.url } },
		ok: [[KEYS, "AWS_BEARER_TOKEN_BEDROCK"]],
		bad: [["failed", SERVICE, "403 AccessDeniedException", /^the API key is wrong or has expired/]] },
]);

test("keys: of one agent none, of the next one good", async () => {
	const place = await prepare({ agents: { default: { profile: "none" }, two: {} } });
	const { found } = await checked([], place);
	const [first, ...more] = found.filter((f) => f.level !== "ok");
	assert.equal(first.about, KEYS);
	assert.deepEqual(more, []);
	assert.equal(found.at(-1).about, "agent two: service");
	assert.equal(found.at(-1).what, ACCEPTED);
});

test("keys: of two agents the same that fail", async () => {
	const place = await prepare({ agents: { default: {}, two: {}, three: { profile: "none" } }, env: NO_KEYS });
	const { found } = await checked([], place);
	const [first, second, third, ...more] = found.filter((f) => f.level === "failed");
	assert.match(first.what, /^no AWS credentials: /);
	assert.deepEqual([second.about, second.what],
		["agent two: keys", "the same as of agent default, above"]);
	assert.match(third.what, /profile none is in neither/);
	assert.deepEqual(more, []);
});

test("keys: an api_key_file that others may read", async () => {
	const place = await prepare({ files: { key: API_KEY }, agents: model({ auth: "api_key",
		api_key_file: "@dir@/key" }) });
	const key = path.join(place.dir, "key");
	const bad = async (mode) => {
		fs.chmodSync(key, mode);
		return (await checked([], place)).found.filter((f) => f.level !== "ok");
	};
	assert.deepEqual(await bad(0o640), []);
	assert.deepEqual(await bad(0o604), [{ level: "warning", about: KEYS, what: `${key}: others may read it`,
		todo: `chmod 600 ${key}, or 640 with a group that agentcgi runs in` }]);
});

/* the clock */

const NTP = "let NTP set it: signatures are good for 5 minutes";
cases("clock", [
	{ name: "an hour behind", set: () => upstream.set({ skew: 3600 }), ok: [[SERVICE, ACCEPTED]],
		bad: [["failed", "clock", /^this machine's clock is 3(600|599) s behind the service's$/, NTP]] },
	{ name: "an hour ahead, and keys that are unknown", set: () => upstream.set({ skew: -3600 }),
		env: { AWS_ACCESS_KEY_ID: "AKIDNOBODY" },
		bad: [["failed", "clock", /^this machine's clock is 36\d\d s ahead of the service's$/, NTP],
			["failed", SERVICE, /Unrecognized/, /^there are no keys of this id/]] },
	{ name: "told of but once", set: () => upstream.set({ skew: 600 }), agents: { default: {}, two: {} },
		ok: [["agent two: service", ACCEPTED]],
		bad: [["failed", "clock", /^this machine's clock is (600|599) s behind/, NTP]] },
	{ name: "100 s behind", set: () => upstream.set({ skew: 100 }), ok: [[SERVICE, ACCEPTED]],
		bad: [["warning", "clock", /^this machine's clock is (100|99) s behind the service's$/, NTP]] },
	{ name: "10 s ahead", set: () => upstream.set({ skew: -10 }), ok: [[SERVICE, ACCEPTED]], bad: [] },
]);

/* the way there */

const noWay = (endpoint, what, todo, more = {}) => ({ agents: { default: { endpoint } },
	ok: [[KEYS, "keys of the environment"]], bad: [["failed", SERVICE, what, todo]], ...more });
const CA_FILE = (what) => ["failed", "ca_file", what, /^set ca_file, AWS_CA_BUNDLE or SSL_CERT_FILE/];

cases("way", [
	{ name: "no such host", ...noWay("http://agent.invalid", /\(curl error 6\)$/, /^DNS does not know the host/) },
	{ name: "nobody listens, even when asked to --invoke", ...INVOKE,
		...noWay(urls.nobody, /\(curl error 7\)$/, /^nothing listens there/) },
	{ name: "an unknown authority", globals: { ca_file: wrongName.ca },
		...noWay(tls.url, /\(curl error 60\)$/, /^the certificate is of an authority that is not trusted/) },
	{ name: "another name", globals: { ca_file: wrongName.ca },
		...noWay(tlsWrongName.url, /\(curl error 60\)$/, /is for another name than the endpoint's/) },
	{ name: "ca_file is missing", globals: { ca_file: "@dir@/none.pem" },
		...noWay(tls.url, /\(curl error 77\)$/, /names a file that cannot be read/),
		bad: [CA_FILE(/\/none\.pem: No such file or directory$/),
			["failed", SERVICE, /\(curl error 77\)$/, /names a file that cannot be read/]] },
	{ name: "ca_file holds none", globals: { ca_file: "@dir@/text" }, files: { text: "none\n" },
		...noWay(tls.url, /\(curl error 77\)$/, /holds no certificates$/) },
	{ name: "AWS_CA_BUNDLE is missing", globals: { ca_file: "" }, env: { AWS_CA_BUNDLE: "@dir@/none.pem" },
		bad: [CA_FILE(/\/none\.pem: No such file/)] },
	{ name: "a server without TLS", ...noWay(upstream.url.replace("http:", "https:"),
		/\(curl error 35\)$/, /^what listens there speaks no TLS/) },
	{ name: "TLS where there should be none", ...noWay(tls.url.replace("https:", "http:"),
		/./, /wants TLS/) },
	{ name: "a TLS handshake that never ends", ...noWay(urls.silent.replace("http:", "https:"),
		/\(curl error 28\)$/, /^nothing answers there/, { agents: { default: {
			endpoint: urls.silent.replace("http:", "https:"), connect_timeout: "300ms" } } }) },
	{ name: "a server behind a proxy is down", agents: { default: { backend: "http",
		url: `${urls.web}/502`, auth: "none" } },
	bad: [["warning", SERVICE, "502: a proxy answers, not the server behind it", /^look whether the server/]] },
	{ name: "a URL nobody listens at", agents: { default: { backend: "http", url: urls.nobody, auth: "none" } },
		bad: [["failed", SERVICE, /\(curl error 7\)$/, /^nothing listens there/]] },
]);

// 20 s and not more: an AgentCore that says nothing is not waited for longer.
test("way: a server that never answers", async () => {
	const place = await prepare({ agents: { default: { endpoint: urls.silent } } });
	const begun = Date.now();
	const done = await checkOnce([], place);
	assert.equal(done.code, 1);
	const [last] = parseText(done.out).slice(-1);
	assert.deepEqual(last, { level: "failed", about: SERVICE,
		what: "The agent did not answer in time.",
		todo: "there is a connection, but no answer: look at what listens there, proxies included" });
	assert.ok(Date.now() - begun > 19_000 && Date.now() - begun < 60_000);
});

/* what the service says */

const says = (set, what, todo, more) => ({ set, bad: [["failed", SERVICE, what, todo]], ...more });
const NOT_THERE = "look at the ARN, the qualifier and the region";

cases("service", [
	{ name: "an ARN that is unknown", agents: { default: { arn: STRANGER } },
		...says(undefined, "404: there is no such agent", NOT_THERE) },
	{ name: "an unknown ARN with session in its name",
		agents: { default: { arn: ARN.replace("sample-", "mysession-") } },
		...says(undefined, "404: there is no such agent", NOT_THERE) },
	{ name: "an endpoint of another region", ...says(refusesStop(403, "InvalidSignatureException",
		"Credential should be scoped to a valid region."),
	"403 InvalidSignatureException", /^the endpoint is of another region or service/) },
	{ name: "an ARN of another partition than its region's", agents: { default: {
		arn: ARN.replace("arn:aws:", "arn:aws-cn:") } }, set: () => upstream.set({ arns: null }),
	bad: [["failed", "agent default: target", /, but a region of partition aws is not that of the ARN$/,
		/^copy the ARN once more/]] },
	{ name: "a permission is missing", set: refusesStop(403, "AccessDeniedException", denied("InvokeAgentRuntime")),
		bad: [["failed", SERVICE, "403: the keys lack a permission", ATTACH]], after: (found) => assertInvokePolicy(found) },
	{ name: "an explicit deny", ...says(refusesStop(403, "AccessDeniedException",
		"not authorized with an explicit deny in a service control policy"),
	"403 AccessDeniedException", /^a policy denies it/) },
	{ name: "signed, where a token is wanted", ...says(refusesStop(403, "AccessDeniedException", MISMATCH),
		"403 AccessDeniedException", /^the runtime takes a bearer token \(JWT\), no signature: set auth = bearer/) },
	{ name: "a token, where a signature is wanted", agents: { default: { auth: "bearer" } },
		...says(refusesStop(403, "AccessDeniedException", MISMATCH),
			/^403 without a token/, "if the runtime takes signed requests, set auth = sigv4") },
	{ name: "an unknown ARN, where a token is wanted", agents: { default: { auth: "bearer" } },
		...says(refusesStop(404, "ResourceNotFoundException", "No endpoint or agent found"),
			"404: there is no such agent", NOT_THERE) },
	{ name: "MMDSv2", ...says(refusesStop(400, "ValidationException", "This runtime is not MMDSv2-enabled"),
		"400 ValidationException", /requireMMDSV2 = true/) },
	{ name: "trouble", ...says(refusesStop(500, "InternalServerException"),
		"500 InternalServerException", /^the service itself is in trouble/) },
	{ name: "throttled", set: refusesStop(429, "ThrottlingException"),
		bad: [["warning", SERVICE, "429 ThrottlingException", /Service Quotas/]] },
	{ name: "a model that is unknown", agents: model({ model: "openai.none" }),
		...says(undefined, "404: there is no such model", "look at model and region") },
	{ name: "a model's keys that are wrong", agents: model(), env: { AWS_SECRET_ACCESS_KEY: "wrong" },
		...says(undefined, "403 InvalidSignatureException", /^the secret key is not that of the key id/) },
	{ name: "of several agents one", agents: { default: {}, two: { endpoint: urls.nobody } },
		ok: [[SERVICE, ACCEPTED]],
		bad: [["failed", "agent two: service", /\(curl error 7\)$/, /^nothing listens there/]] },
]);

/* --invoke */

const answers = (set, what, todo, more) => ({ ...INVOKE, set, ok: [[SERVICE, ACCEPTED]],
	bad: [["failed", ANSWER, what, todo]], ...more });

cases("--invoke", [
	{ name: "a permission is missing", ...answers(refusesInvoke(403, "AccessDeniedException", denied("InvokeAgentRuntime")),
		"403 AccessDeniedException", ATTACH), after: (found) => assertInvokePolicy(found) },
	{ name: "another endpoint's permission", agents: { default: { qualifier: "PROD" } },
		...answers(refusesInvoke(403, "AccessDeniedException", "no"), /403/, /./),
		after: (found) => assertInvokePolicy(found, "PROD") },
	{ name: "a permission of a Bedrock key's owner is missing", ...INVOKE,
		env: { AWS_BEARER_TOKEN_BEDROCK: API_KEY }, agents: { default: { backend: "bedrock", model: MODEL,
			region: "us-west-2", endpoint: deniedModel.url } },
		bad: [["failed", SERVICE, "403: the keys lack a permission", `attach the policy above to ${OWNER}`],
			["failed", ANSWER, "403 AccessDeniedException", `attach the policy above to ${OWNER}`]] },
	{ name: "a URL of a service whose actions are unknown", ...INVOKE,
		agents: { default: { backend: "http", url: `${urls.web}/post403`, auth: "sigv4", service: "s3",
			region: "us-west-2" } },
		bad: [["failed", ANSWER, /^403/, "allow the keys whatever action s3 wants for this address"]],
		after: (found) => assert.ok(!found.some((f) => f.about === POLICY)) },
	{ name: "signed, where a token is wanted", ...answers(refusesInvoke(403, "AccessDeniedException", MISMATCH),
		"403 AccessDeniedException", /^the runtime takes a bearer token \(JWT\), no signature: set auth = bearer/) },
	{ name: "MMDSv2", ...answers(refusesInvoke(400, "ValidationException", "This runtime is not MMDSv2-enabled"),
		"400 ValidationException", /requireMMDSV2 = true/) },
	{ name: "404", ...answers(refusesInvoke(404, "ResourceNotFoundException"),
		"404 ResourceNotFoundException", /^there is no such agent/) },
	{ name: "402, a quota", ...answers(refusesInvoke(402, "ServiceQuotaExceededException"),
		"402 ServiceQuotaExceededException", /^a quota of the account is used up/) },
	{ name: "424, the agent", ...answers(refusesInvoke(424, "RuntimeClientError"),
		"424 RuntimeClientError", /^the agent's own code failed or did not start: read its log/) },
	{ name: "an agent that fails on its way", ...answers(() => upstream.set({ directive: "[[midthrow-py]]" }),
		"The agent failed.", "read the agent's own log") },
	{ name: "an agent without a word", ...answers(() => upstream.set({ directive: "[[comments-only]]" }),
		"The agent ended without an answer.", "read the agent's own log") },
	{ name: "an agent that takes too long", agents: { default: { first_byte_timeout: "500ms" } },
		...answers(() => upstream.set({ directive: "[[never]]" }), "The agent did not answer in time.",
			"read the agent's own log, or set first_byte_timeout higher") },
	{ name: "an agent that falls silent", agents: { default: { idle_timeout: "500ms" } },
		...answers(() => upstream.set({ directive: "[[sse n=2 t=3000]]" }), "The agent did not answer in time.",
			"read the agent's own log, or set idle_timeout higher") },
	{ name: "an agent that never ends", agents: { default: { total_timeout: "1500ms" } },
		...answers(() => upstream.set({ directive: "[[sse n=90 t=100]]" }), /./,
			"read the agent's own log, or set total_timeout higher") },
	{ name: "an agent of callers' tokens is not asked", ...INVOKE, agents: { default: { auth: "bearer" } },
		set: refusesStop(401, "UnauthorizedException"),
		bad: [["warning", ANSWER, "not asked: it takes a caller's token", ""]] },
]);

test("--invoke --json is the same", async () => {
	const place = await prepare({ set: refusesInvoke(403, "AccessDeniedException") });
	const text = parseText((await checkOnce(["--invoke"], place)).out);
	const json = await checkOnce(["--invoke", "--json"], place);
	assert.equal(json.code, 1);
	assert.deepEqual(JSON.parse(json.out), { ok: false, findings: text });
});

test("the policies of models", async () => {
	for (const [id, region, resources] of [
		[MODEL, "us-west-2", OF_MODEL[1]],
		["us.amazon.nova-lite-v1:0", "us-west-2", [
			"arn:aws:bedrock:us-west-2:*:inference-profile/us.amazon.nova-lite-v1:0",
			"arn:aws:bedrock:*::foundation-model/amazon.nova-lite-v1:0"]],
		["amazon.titan", "us-gov-west-1", ["arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/amazon.titan"]],
		[`arn:aws:bedrock:us-west-2:${ACCOUNT}:inference-profile/us.a.b`, "us-west-2",
			[`arn:aws:bedrock:us-west-2:${ACCOUNT}:inference-profile/us.a.b`,
				"arn:aws:bedrock:*::foundation-model/a.b"]],
	]) {
		const place = await prepare({ agents: model({ model: id, region, endpoint: deniedModel.url }) });
		const { found } = await checked([], place);
		assert.equal(found.at(-1).what, "403: the keys lack a permission");
		assert.equal(found.at(-1).todo, ATTACH);
		assertPolicy(found, [[CONVERSE, resources]]);
	}
});

/* the state directory */

const MAKE = /^make it a directory of the user that agentcgi runs as, mode 0700, or set state_dir: without it keys are not kept/;
const state = (state_dir, level, what, more = {}) => ({ globals: { state_dir },
	bad: [[level, "state_dir", what, more.todo ?? MAKE]], ok: [[SERVICE, ACCEPTED]], ...more });

cases("state_dir", [
	{ name: "missing", ...state("@dir@/none", "warning", /\/none: No such file or directory$/) },
	{ name: "missing, with a model", ...state("@dir@/none", "warning", /\/none: No such file or directory$/,
		{ agents: model(), todo: /without it conversations with models end with their process, and keys/ }) },
	{ name: "not a directory", files: { file: "" }, ...state("@dir@/file", "failed", /\/file: Not a directory$/) },
	{ name: "below a file", files: { file: "" }, ...state("@dir@/file/x", "failed", /\/x: Not a directory$/) },
]);

test("state_dir: others may write to it", async () => {
	const place = await prepare({});
	fs.chmodSync(path.join(place.dir, "state"), 0o777);
	const { found } = await checked([], place);
	const one = found.find((f) => f.about === "state_dir");
	assert.equal(one.level, "failed");
	assert.match(one.what, /\/state: others may write to it$/);
	assert.match(one.todo, MAKE);
});

test("state_dir: conversations of somebody else", async () => {
	const place = await prepare({ agents: model() });
	const own = path.join(place.dir, "state/conversations");
	const warning = async () => {
		const { code, found } = await checked([], place);
		assert.equal(code, 0);
		const [one, ...more] = found.filter((f) => f.level !== "ok");
		assert.deepEqual(more, []);
		assert.equal(one?.about ?? "state_dir", "state_dir");
		assert.match(one?.todo ?? "chown", /^chown/);
		return one?.what;
	};
	fs.writeFileSync(own, "");
	assert.match(await warning(), /\/conversations: Not a directory$/);
	fs.rmSync(own);
	fs.mkdirSync(own, { mode: 0o700 });
	assert.equal(await warning(), undefined);
	fs.chmodSync(own, 0o777);
	assert.match(await warning(), /\/conversations: others may write to it$/);
	fs.chmodSync(own, 0o700);
	if (process.getuid() === 0) {
		fs.chownSync(own, 65534, 65534);
		assert.match(await warning(), /\/conversations belongs to \S+, and not to whom/);
	}
});

test("state_dir: not writable", async () => {
	const place = await prepare({});
	const program = path.join(place.dir, "agentcgi");
	fs.copyFileSync(AGENTCGI, program);
	fs.chmodSync(program, 0o755);
	fs.chmodSync(path.join(place.dir, "state"), 0o555);
	// Root may always.
	place.command = process.getuid() === 0
		? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program]
		: [program];
	fs.chmodSync(certificate.ca, 0o644);
	fs.chmodSync(path.dirname(certificate.ca), 0o755);
	const { code, found } = await checked([], place);
	assert.equal(code, 1);
	const one = found.find((f) => f.about === "state_dir");
	assert.equal(one.level, "failed");
	assert.match(one.what, /\/state: Permission denied$/);
	assert.match(one.todo, MAKE);
});

/* the command line and the output */

test("output that cannot be written is a failure", async () => {
	for (const args of ["", "--json"]) {
		const { env, file } = await prepare({});
		const done = await runToEnd(["sh", "-c", `"$0" check --config "$1" ${args} >/dev/full`,
			AGENTCGI, file], { env });
		assert.equal(done.code, 1, done.err);
	}
});

test("each finding is told as it is made", async () => {
	const { env, file } = await prepare({ agents: { default: {}, two: { endpoint: urls.silent } } });
	const process_ = start([AGENTCGI, "check", "--config", file], { env });
	await until(() => /^ok +agent default: service: [^]*^ok +agent two: target: .*\n/m
		.test(process_.out()), "the findings of the first agent");
	assert.equal(process_.ended, null);
	await process_.stop();
});

await run(async () => {
	await Promise.all([keys, upstream, bedrock, tls, tlsWrongName, deniedModel].map((s) => s.close()));
	await stopAll();
});
