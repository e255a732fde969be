// Whose keys sign: each source alone, and the order between them.  What AWS's
// own chain of providers finds with the same files, environment and servers is
// the control; where we differ on purpose, a case says why.

import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { startKeyServers } from "../upstream/keys.mjs";
import { ACCOUNT, ARN, startUpstream } from "../upstream/upstream.mjs";
import { jsKeys } from "../lib/jsprovider.mjs";
import { AGENTCGI, cleanEnvironment, configText } from "../lib/servers.mjs";
import { runToEnd, stopAll, temporary } from "../lib/proc.mjs";
import { assert, note, run, test } from "../lib/tap.mjs";

// AKIDX, for each X, and one with a session token.
const STATIC = ["ENV", "DEFAULT", "ONE", "TWO", "PROCESS"].map((name) => ({
	accessKeyId: `AKID${name}`, secretAccessKey: `secret/of+${name.toLowerCase()}=` }));
const SHARP = { accessKeyId: "AKIDSHARP", secretAccessKey: "a=b#c;d" };
const TOKENED = { accessKeyId: "AKIDTOKENED", secretAccessKey: "tokened",
	sessionToken: "IQoJ//token+with/slashes==" };
const ALL_STATIC = [...STATIC, SHARP, TOKENED];
const find = (name) => ALL_STATIC.find((k) => k.accessKeyId === `AKID${name}`);

const known = (now) => [...ALL_STATIC, ...servers.mint.credentials(now)];
const servers = await startKeyServers({ credentials: () => ALL_STATIC });
const upstream = await startUpstream({ credentials: known,
	expired: (now) => servers.mint.expired(now) });

/* what cases are made of; @dir@ and @container@ are replaced */

const BUSY_S = 10;
const FAILS = "no keys at all";
const FINAL = "a source that is configured and fails is final: another would call AWS as somebody else";
const role = (name) => `arn:aws:iam::${ACCOUNT}:role/${name}`;
const inSeconds = (s) => new Date(Date.now() + 1000 * s).toISOString().replace(/\.\d+/, "");

function ini(name) {
	const { accessKeyId, secretAccessKey, sessionToken } = find(name);
	return `aws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`
		+ (sessionToken ? `aws_session_token = ${sessionToken}\n` : "");
}

function envOf(name) {
	const { accessKeyId, secretAccessKey, sessionToken } = find(name);
	return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey,
		...(sessionToken && { AWS_SESSION_TOKEN: sessionToken }) };
}

function printed(name, more = {}) {
	const { accessKeyId, secretAccessKey, sessionToken } = find(name);
	return JSON.stringify({ Version: 1, AccessKeyId: accessKeyId,
		SecretAccessKey: secretAccessKey, SessionToken: sessionToken, ...more });
}

const CONTAINER = { AWS_CONTAINER_CREDENTIALS_FULL_URI: "@container@" };
const WEB = { AWS_ROLE_ARN: role("web"), AWS_WEB_IDENTITY_TOKEN_FILE: "@dir@/web-token" };
const WEB_FILES = { "web-token": "eyJ.eyJ.sig" };
const rightToken = (s) => s.sts.set({ webToken: "eyJ.eyJ.sig" });
const roleOf = (name, source) =>
	`[profile ${name}]\nrole_arn = ${role(name)}\nsource_profile = ${source}\n`;

const cacheFile = (name) => `.aws/sso/cache/${createHash("sha1").update(name).digest("hex")}.json`;
const START_URL = "https://x.awsapps.com/start";
const SSO_PLACE = `sso_region = eu-west-1\nsso_start_url = ${START_URL}\n`;
const SSO_ROLE = `sso_account_id = ${ACCOUNT}\nsso_role_name = Permission-Set\n`;
const SSO = `sso_session = my-sso\n${SSO_ROLE}[sso-session my-sso]\n${SSO_PLACE}`;
const ssoToken = (more, name = "my-sso") => ({ [cacheFile(name)]: JSON.stringify({
	accessToken: "aoaEXAMPLE/+==", expiresAt: inSeconds(3600), ...more }) });
const REFRESHABLE = { refreshToken: "aorEXAMPLE", clientId: "client", clientSecret: "client secret" };

/*
 * config and credentials are ~/.aws's files, files others below HOME, env what
 * the environment has besides the servers' addresses, profile that of the
 * configuration (of the provider's option), set(servers) throws switches.
 *
 * expect is the trail of the keys (Mint.trail) or FAILS.  With differs, js and
 * ours are expected instead.  untouched: servers that nobody may ask; asked:
 * those that must have been; sent: what the last request to STS must match;
 * check(dir): what else must hold; within: how many ms it may take us.
 */
const CASES = [
	/* environment */
	{ name: "keys of the environment", env: envOf("ENV"), expect: "AKIDENV",
		untouched: ["imds", "sts"] },
	{ name: "with a session token", env: envOf("TOKENED"), expect: "AKIDTOKENED" },
	{ name: "empty variables are none", env: { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "",
		AWS_PROFILE: "" }, config: `[default]\n${ini("DEFAULT")}`, expect: "AKIDDEFAULT" },
	{ name: "half a pair", env: { AWS_ACCESS_KEY_ID: "AKIDENV" },
		differs: FINAL, js: "imds", ours: FAILS },
	{ name: "environment over [default]", env: envOf("ENV"),
		credentials: `[default]\n${ini("DEFAULT")}`, expect: "AKIDENV" },
	{ name: "environment and AWS_PROFILE", env: { ...envOf("ENV"), AWS_PROFILE: "one" },
		credentials: `[one]\n${ini("ONE")}`,
		differs: "SDKs disagree; we do as most do, and as this one says it may",
		js: "AKIDONE", ours: "AKIDENV" },

	/* profiles */
	{ name: "[default] of credentials", credentials: `[default]\n${ini("DEFAULT")}`,
		expect: "AKIDDEFAULT", untouched: ["imds"] },
	{ name: "[default] of config, with a token", config: `[default]\n${ini("TOKENED")}`,
		expect: "AKIDTOKENED" },
	{ name: "AWS_PROFILE, in config", env: { AWS_PROFILE: "one" },
		config: `[default]\n${ini("DEFAULT")}[profile one]\n${ini("ONE")}`, expect: "AKIDONE" },
	{ name: "AWS_PROFILE, in credentials", env: { AWS_PROFILE: "one" },
		credentials: `[default]\n${ini("DEFAULT")}[one]\n${ini("ONE")}`, expect: "AKIDONE" },
	{ name: "a name with a space", env: { AWS_PROFILE: "team one" },
		credentials: `[default]\n${ini("DEFAULT")}[team one]\n${ini("ONE")}`,
		differs: "the command line tools know such names, this SDK does not",
		js: "imds", ours: "AKIDONE" },
	{ name: "the configuration's profile, over keys of the environment", profile: "one",
		env: envOf("ENV"), credentials: `[one]\n${ini("ONE")}`, expect: "AKIDONE" },
	{ name: "the configuration's profile, over AWS_PROFILE", profile: "one",
		env: { AWS_PROFILE: "two" }, credentials: `[one]\n${ini("ONE")}[two]\n${ini("TWO")}`,
		expect: "AKIDONE" },
	{ name: "in config, a section without \"profile\" is none", env: { AWS_PROFILE: "one" },
		config: `[one]\n${ini("ONE")}`, differs: FINAL, js: "imds", ours: FAILS },
	{ name: "a profile that is missing", env: { AWS_PROFILE: "none" },
		credentials: `[one]\n${ini("ONE")}`, differs: FINAL, js: "imds", ours: FAILS },
	{ name: "the configuration's is missing, whatever the environment has", profile: "none",
		env: envOf("ENV"), differs: FINAL, js: "imds", ours: FAILS },
	{ name: "a profile that says nothing of credentials", env: { AWS_PROFILE: "one" },
		config: "[profile one]\nregion = us-west-2\n", differs: FINAL, js: "imds", ours: FAILS },
	{ name: "[default] that says nothing of credentials", config: "[default]\nregion = us-west-2\n",
		expect: "imds" },
	{ name: "credentials wins key by key", env: { AWS_PROFILE: "one" },
		config: `[profile one]\naws_access_key_id = AKIDWRONG\naws_secret_access_key = ${find("ONE").secretAccessKey}\n`,
		credentials: "[one]\naws_access_key_id = AKIDONE\n", expect: "AKIDONE" },
	{ name: "a token that only config has",
		config: `[default]\naws_session_token = ${TOKENED.sessionToken}\naws_access_key_id = AKIDWRONG\n`,
		credentials: "[default]\naws_access_key_id = AKIDTOKENED\naws_secret_access_key = tokened\n",
		expect: "AKIDTOKENED" },
	{ name: "CRLF, comments, quotes, nested keys", env: { AWS_PROFILE: "one" },
		config: `; a file\r\n[profile "one"]\r\n# it has\r\ns3 =\r\n  max = 1\r\n  aws_access_key_id = AKIDWRONG\r\n`
			+ `aws_access_key_id=AKIDONE ; not this\r\n\r\naws_secret_access_key\t=  ${find("ONE").secretAccessKey}\t# nor that\r\n`,
		expect: "AKIDONE" },
	{ name: "marks within a secret", credentials: `[default]\n${ini("SHARP")}`, expect: "AKIDSHARP" },
	{ name: "files elsewhere, and ~/", env: { AWS_PROFILE: "one", AWS_CONFIG_FILE: "@dir@/x/config",
		AWS_SHARED_CREDENTIALS_FILE: "~/x/credentials" }, files: {
		"x/config": `[profile one]\naws_access_key_id = AKIDONE\n`,
		"x/credentials": `[one]\naws_secret_access_key = ${find("ONE").secretAccessKey}\n` },
	credentials: `[one]\n${ini("TWO")}`, expect: "AKIDONE" },
	{ name: "login_session", env: { AWS_PROFILE: "one" },
		config: `[profile one]\nlogin_session = arn:aws:iam::${ACCOUNT}:user/x\n`, expect: FAILS },

	/* roles */
	{ name: "role_arn and source_profile", env: { AWS_PROFILE: "a" },
		config: roleOf("a", "one"), credentials: `[one]\n${ini("ONE")}`,
		expect: "role a < AKIDONE", untouched: ["imds"], sent: [/Action=AssumeRole&/, /DurationSeconds=3600/] },
	{ name: "of [default], without AWS_PROFILE",
		config: `${roleOf("x", "one").replace("[profile x]", "[default]")}[profile one]\n${ini("ONE")}`,
		expect: "role x < AKIDONE" },
	{ name: "with a token, an external id, a name and a duration", env: { AWS_PROFILE: "a" },
		config: `${roleOf("a", "one")}external_id = e/1+2\nrole_session_name = me@x,y=z\nduration_seconds = 900\n`
			+ `[profile one]\n${ini("TOKENED")}`,
		set: (s) => s.sts.set({ roles: { [role("a")]: { externalId: "e/1+2" } } }),
		expect: "role a < AKIDTOKENED", sent: [/DurationSeconds=900/, /RoleSessionName=me%40x%2Cy%3Dz/, /ExternalId=e%2F1%2B2/] },
	{ name: "three roles, one behind the other", env: { AWS_PROFILE: "a" },
		config: `${roleOf("a", "b")}${roleOf("b", "c")}${roleOf("c", "one")}[profile one]\n${ini("ONE")}`,
		expect: "role a < role b < role c < AKIDONE" },
	{ name: "a source that is the profile itself, with keys", env: { AWS_PROFILE: "a" },
		config: `${roleOf("a", "a")}${ini("ONE")}`, expect: "role a < AKIDONE" },
	{ name: "a source's own keys come before its role", env: { AWS_PROFILE: "a" },
		config: `${roleOf("a", "b")}${roleOf("b", "c")}${ini("TWO")}[profile c]\n${ini("ONE")}`,
		expect: "role a < AKIDTWO" },
	{ name: "a circle", env: { AWS_PROFILE: "a" }, config: roleOf("a", "b") + roleOf("b", "a"),
		differs: FINAL, js: "imds", ours: FAILS },
	{ name: "a circle of one", env: { AWS_PROFILE: "a" }, config: roleOf("a", "a"),
		differs: FINAL, js: "imds", ours: FAILS },
	{ name: "a source that is missing", env: { AWS_PROFILE: "a" }, config: roleOf("a", "none"),
		differs: FINAL, js: "imds", ours: FAILS },
	{ name: "a role without a source", env: { AWS_PROFILE: "a" },
		config: `[profile a]\nrole_arn = ${role("a")}\n`, differs: FINAL, js: "imds", ours: FAILS },
	{ name: "a role with two sources", env: { AWS_PROFILE: "a" },
		config: `${roleOf("a", "one")}credential_source = Ec2InstanceMetadata\n[profile one]\n${ini("ONE")}`,
		differs: FINAL, js: "imds", ours: FAILS },
	{ name: "a role that wants a second factor", env: { AWS_PROFILE: "a" },
		config: `${roleOf("a", "one")}mfa_serial = arn:aws:iam::${ACCOUNT}:mfa/x\n[profile one]\n${ini("ONE")}`,
		expect: FAILS, untouched: ["sts", "imds"] },
	{ name: "a role that STS denies", env: { AWS_PROFILE: "a" },
		config: `${roleOf("a", "one")}[profile one]\n${ini("ONE")}`,
		set: (s) => s.sts.set({ roles: {} }), expect: FAILS, asked: ["sts"], untouched: ["imds"] },
	{ name: "STS's clock is another", env: { AWS_PROFILE: "a" },
		config: `${roleOf("a", "one")}[profile one]\n${ini("ONE")}`,
		set: (s) => s.sts.set({ skew: 1200 }), expect: "role a < AKIDONE" },
	{ name: "an answer with numeric references", env: { AWS_PROFILE: "a" },
		config: `${roleOf("a", "one")}[profile one]\n${ini("ONE")}`,
		set: (s) => s.sts.set({ numbers: true }), expect: "role a < AKIDONE" },
	{ name: "the profile's region is STS's", env: { AWS_PROFILE: "a", AWS_REGION: undefined },
		config: `${roleOf("a", "one")}region = eu-central-1\n[profile one]\n${ini("ONE")}`,
		set: (s) => s.sts.set({ region: "eu-central-1" }), expect: "role a < AKIDONE" },
	{ name: "AWS_REGION is STS's", env: { AWS_PROFILE: "a", AWS_REGION: "ap-northeast-1" },
		config: `${roleOf("a", "one")}[profile one]\n${ini("ONE")}`,
		set: (s) => s.sts.set({ region: "ap-northeast-1" }), expect: "role a < AKIDONE" },
	{ name: "a role with a process's keys", env: { AWS_PROFILE: "a" },
		config: `${roleOf("a", "p")}[profile p]\ncredential_process = cat @dir@/keys.json\n`,
		files: { "keys.json": printed("PROCESS") }, expect: "role a < AKIDPROCESS" },
	{ name: "a role with a web identity's keys", env: { AWS_PROFILE: "a" }, files: WEB_FILES,
		config: `${roleOf("a", "w")}[profile w]\nrole_arn = ${role("w")}\nweb_identity_token_file = @dir@/web-token\n`,
		set: rightToken, expect: "role a < web w" },
	{ name: "a role with Identity Center's keys", env: { AWS_PROFILE: "a" }, files: ssoToken(),
		config: `${roleOf("a", "s")}[profile s]\n${SSO}`, expect: "role a < sso Permission-Set" },

	/* credential_source */
	{ name: "credential_source Environment, AWS_PROFILE", env: { ...envOf("ENV"), AWS_PROFILE: "a" },
		config: `[profile a]\nrole_arn = ${role("a")}\ncredential_source = Environment\n`,
		differs: "keys of the environment come before AWS_PROFILE", js: "role a < AKIDENV", ours: "AKIDENV" },
	{ name: "credential_source Environment, the configuration's profile", profile: "a",
		env: envOf("TOKENED"), expect: "role a < AKIDTOKENED",
		config: `[profile a]\nrole_arn = ${role("a")}\ncredential_source = Environment\n` },
	{ name: "credential_source Environment, where there is nothing", env: { AWS_PROFILE: "a" },
		config: `[profile a]\nrole_arn = ${role("a")}\ncredential_source = Environment\n`,
		differs: FINAL, js: "imds", ours: FAILS },
	{ name: "credential_source Ec2InstanceMetadata", env: { AWS_PROFILE: "a" },
		config: `[profile a]\nrole_arn = ${role("a")}\ncredential_source = Ec2InstanceMetadata\n`,
		expect: "role a < imds" },
	{ name: "credential_source EcsContainer", env: { AWS_PROFILE: "a", ...CONTAINER },
		config: `[profile a]\nrole_arn = ${role("a")}\ncredential_source = EcsContainer\n`,
		expect: "role a < container", untouched: ["imds"] },
	{ name: "credential_source of another name", env: { AWS_PROFILE: "a" },
		config: `[profile a]\nrole_arn = ${role("a")}\ncredential_source = Elsewhere\n`,
		differs: FINAL, js: "imds", ours: FAILS },

	/* web identity */
	{ name: "a web identity of the environment", env: WEB, files: WEB_FILES, set: rightToken,
		expect: "web web", untouched: ["imds"], sent: [/WebIdentityToken=eyJ\.eyJ\.sig/] },
	{ name: "its session's name", env: { ...WEB, AWS_ROLE_SESSION_NAME: "pod-1" }, files: WEB_FILES,
		set: rightToken, expect: "web web", sent: [/RoleSessionName=pod-1/] },
	{ name: "a web identity of a profile", env: { AWS_PROFILE: "w" }, files: WEB_FILES,
		config: `[profile w]\nrole_arn = ${role("w")}\nrole_session_name = mine\nweb_identity_token_file = @dir@/web-token\n`,
		set: rightToken, expect: "web w", sent: [/RoleSessionName=mine/] },
	{ name: "a token whose file ends a line", env: WEB, files: { "web-token": "eyJ.eyJ.sig\n" },
		set: rightToken, differs: "the newline is not the token's; this SDK sends it along",
		js: FAILS, ours: "web web" },
	{ name: "a token that STS does not take", env: WEB, files: { "web-token": "other" },
		set: rightToken, expect: FAILS, asked: ["sts"], untouched: ["imds"] },
	{ name: "a token that is missing", env: WEB, set: rightToken, expect: FAILS,
		untouched: ["imds", "sts"] },

	/* processes */
	{ name: "a process's keys", config: "[default]\ncredential_process = cat @dir@/keys.json\n",
		files: { "keys.json": printed("PROCESS") }, expect: "AKIDPROCESS", untouched: ["imds"] },
	{ name: "that are temporary", config: "[default]\ncredential_process = cat @dir@/keys.json\n",
		files: { "keys.json": printed("TOKENED", { Expiration: inSeconds(3600), AccountId: ACCOUNT }) },
		expect: "AKIDTOKENED" },
	{ name: "double quotes in the command", files: { "a b.json": printed("PROCESS") },
		config: "[default]\ncredential_process = \"cat\"  \"@dir@/a b.json\"\n", expect: "AKIDPROCESS" },
	{ name: "single quotes and backslashes in the command", files: { "a \"b'.json": printed("PROCESS") },
		config: "[default]\ncredential_process = cat '@dir@/a \"b'\\'.json\n", expect: "AKIDPROCESS" },
	{ name: "a command for a shell", files: { "keys.json": printed("PROCESS") },
		config: "[default]\ncredential_process = cat @dir@/keys.json | cat\n",
		differs: "no shell runs it", js: "AKIDPROCESS", ours: FAILS },
	...Object.entries({
		"fails": ["false"],
		"prints keys and fails": ["sh -c 'cat @dir@/keys.json; exit 3'", printed("PROCESS")],
		"is not there": ["@dir@/no-such-program"],
		"prints no JSON": ["cat @dir@/keys.json", "AKIDPROCESS secret"],
		"prints nothing": ["true"],
		"prints another version": ["cat @dir@/keys.json", printed("PROCESS", { Version: 2 })],
		"prints keys that have expired": ["cat @dir@/keys.json", printed("TOKENED", { Expiration: inSeconds(-60) })],
	}).map(([what, [command, text]]) => ({ name: `a process that ${what}`,
		config: `[default]\ncredential_process = ${command}\n`,
		files: text && { "keys.json": text }, differs: FINAL, js: "imds", ours: FAILS })),

	/* containers */
	{ name: "a container's keys", env: CONTAINER, expect: "container", untouched: ["imds"] },
	{ name: "with a token", env: { ...CONTAINER, AWS_CONTAINER_AUTHORIZATION_TOKEN: "Basic abc=" },
		set: (s) => s.container.set({ token: "Basic abc=" }), expect: "container" },
	{ name: "with a token in a file, which wins", env: { ...CONTAINER,
		AWS_CONTAINER_AUTHORIZATION_TOKEN: "not this",
		AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "@dir@/token" }, files: { token: "eyJ.of.file" },
	set: (s) => s.container.set({ token: "eyJ.of.file" }), expect: "container" },
	{ name: "a container's endpoint that recovers", env: CONTAINER,
		set: (s) => s.container.set({ statuses: [500, 500] }), expect: "container" },
	{ name: "a wrong token", env: { ...CONTAINER, AWS_CONTAINER_AUTHORIZATION_TOKEN: "wrong" },
		set: (s) => s.container.set({ token: "right" }), expect: FAILS, asked: ["container"],
		untouched: ["imds"] },
	{ name: "a token's file that is missing", env: { ...CONTAINER,
		AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "@dir@/none" },
	expect: FAILS, untouched: ["imds", "container"] },
	{ name: "a token with a line end", env: { ...CONTAINER,
		AWS_CONTAINER_AUTHORIZATION_TOKEN: "x\r\nX-More: 1" }, expect: FAILS,
	untouched: ["imds", "container"] },
	{ name: "an endpoint far away without TLS",
		env: { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://192.0.2.1/v2/credentials" },
		expect: FAILS, untouched: ["imds"] },
	{ name: "an endpoint that only looks near",
		env: { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1.example.com/v2/credentials" },
		expect: FAILS, untouched: ["imds"] },

	/* instances */
	{ name: "an instance's role", expect: "imds" },
	{ name: "an instance without a role", set: (s) => s.imds.set({ noRole: true }),
		expect: FAILS, asked: ["imds"] },
	{ name: "an instance's error instead of keys", expect: FAILS, asked: ["imds"],
		set: (s) => s.imds.set({ code: "AssumeRoleUnauthorizedAccess", keys: {
			AccessKeyId: undefined, SecretAccessKey: undefined, Token: undefined,
			Message: "EC2 cannot assume the role" } }) },
	{ name: "version 2 is refused", set: (s) => s.imds.set({ tokenStatus: 403 }),
		expect: FAILS, asked: ["imds"] },
	{ name: "an instance's metadata that say nothing", env: { AWS_METADATA_SERVICE_TIMEOUT: undefined },
		set: (s) => s.imds.set({ hang: true }), expect: FAILS, asked: ["imds"], within: 15_000 },
	{ name: "an instance's metadata that stop in the middle", env: { AWS_METADATA_SERVICE_TIMEOUT: "1" },
		set: (s) => s.imds.set({ hang: "instance-role" }), expect: FAILS, asked: ["imds"], within: 15_000 },
	{ name: "instance metadata disabled", env: { AWS_EC2_METADATA_DISABLED: "true" },
		expect: FAILS, untouched: ["imds"] },
	{ name: "not disabled", env: { AWS_EC2_METADATA_DISABLED: "false" }, expect: "imds" },

	/* Identity Center */
	{ name: "a session of Identity Center", config: `[default]\n${SSO}`, files: ssoToken(),
		expect: "sso Permission-Set", untouched: ["imds"] },
	{ name: "its legacy form", config: `[default]\n${SSO_ROLE}${SSO_PLACE}`,
		files: ssoToken({}, START_URL), expect: "sso Permission-Set" },
	{ name: "a session that is renewed", config: `[default]\n${SSO}`,
		files: ssoToken({ ...REFRESHABLE, expiresAt: inSeconds(60) }), expect: "sso Permission-Set",
		check(dir) {
			const token = JSON.parse(fs.readFileSync(path.join(dir, cacheFile("my-sso"))));
			assert.equal(servers.sso.stats().refreshes, 1);
			assert.equal(token.accessToken, servers.sso.is.accessToken);
			assert.equal(token.refreshToken, servers.sso.is.refreshToken);
			assert.equal(token.clientSecret, REFRESHABLE.clientSecret);
			assert.ok(Date.parse(token.expiresAt) > Date.now() + 3000_000);
		} },
	{ name: "a session that cannot be renewed, with minutes left", config: `[default]\n${SSO}`,
		files: ssoToken({ ...REFRESHABLE, refreshToken: "gone", expiresAt: inSeconds(120) }),
		expect: "sso Permission-Set" },
	{ name: "a session that has ended", config: `[default]\n${SSO}`,
		files: ssoToken({ expiresAt: inSeconds(-60) }), expect: FAILS, untouched: ["imds"] },
	{ name: "a legacy session that has ended", config: `[default]\n${SSO_ROLE}${SSO_PLACE}`,
		files: ssoToken({ expiresAt: inSeconds(-60) }, START_URL), expect: FAILS, untouched: ["imds", "sso"] },
	{ name: "nobody has logged in", config: `[default]\n${SSO}`, expect: FAILS, untouched: ["imds", "sso"] },
	{ name: "a session the portal does not know", config: `[default]\n${SSO}`,
		files: ssoToken({ accessToken: "other" }), expect: FAILS, asked: ["sso"], untouched: ["imds"] },
	{ name: "a role the portal does not give", config: `[default]\n${SSO}`, files: ssoToken(),
		set: (s) => s.sso.set({ role: "Other" }), expect: FAILS, asked: ["sso"], untouched: ["imds"] },

	/* the order of those that are left */
	{ name: "environment over all", env: { ...envOf("ENV"), ...WEB, ...CONTAINER }, files: WEB_FILES,
		credentials: `[default]\n${ini("DEFAULT")}`, set: rightToken, expect: "AKIDENV",
		untouched: ["imds", "sts", "container"] },
	{ name: "[default] over web identity, container, instance", env: { ...WEB, ...CONTAINER },
		files: WEB_FILES, credentials: `[default]\n${ini("DEFAULT")}`, set: rightToken,
		expect: "AKIDDEFAULT", untouched: ["imds", "sts", "container"] },
	{ name: "web identity over container, instance", env: { ...WEB, ...CONTAINER }, files: WEB_FILES,
		set: rightToken, expect: "web web", untouched: ["imds", "container"] },
	{ name: "a failing web identity, over container", env: { ...WEB, ...CONTAINER }, files: WEB_FILES,
		expect: FAILS, asked: ["sts"], untouched: ["imds", "container"] },
	{ name: "a failing container, over instance", env: CONTAINER,
		set: (s) => s.container.set({ statuses: Array(20).fill(500) }), expect: FAILS,
		asked: ["container"], untouched: ["imds"] },
	{ name: "a failing profile, over web identity", env: { ...WEB, AWS_PROFILE: "s" }, files: WEB_FILES,
		config: `[profile s]\n${SSO}`, set: rightToken, expect: FAILS, untouched: ["imds", "sts"] },
];

/* how they are run */

// Everything anew: {dir, env}.
async function prepare(c) {
	servers.reset();
	c.set?.(servers);
	await upstream.reset();
	const dir = temporary();
	const fill = (text) => text.replaceAll("@dir@", dir)
		.replaceAll("@container@", servers.container.url);
	const files = { ".aws/config": c.config, ".aws/credentials": c.credentials, ...c.files };
	for (const [name, text] of Object.entries(files)) {
		if (text === undefined)
			continue;
		const file = path.join(dir, name);
		fs.mkdirSync(path.dirname(file), { recursive: true });
		fs.writeFileSync(file, fill(text), { mode: 0o600 });
	}
	const env = cleanEnvironment(dir, {
		AWS_EC2_METADATA_DISABLED: undefined,
		AWS_ACCESS_KEY_ID: undefined,
		AWS_SECRET_ACCESS_KEY: undefined,
		AWS_REGION: "us-west-2",
		AWS_EC2_METADATA_SERVICE_ENDPOINT: servers.imds.url,
		AWS_METADATA_SERVICE_TIMEOUT: String(BUSY_S),
		AWS_ENDPOINT_URL_STS: servers.sts.url,
		AWS_ENDPOINT_URL_SSO: servers.sso.url,
		AWS_ENDPOINT_URL_SSO_OIDC: servers.sso.url,
		...Object.fromEntries(Object.entries(c.env ?? {})
			.map(([name, value]) => [name, value && fill(value)])),
	});
	return { dir, env };
}

// What must hold on either side.
function assertServers(c, dir, found) {
	for (const name of c.untouched ?? [])
		assert.equal(servers[name].stats().requests, 0, `${name} was asked`);
	for (const name of c.asked ?? [])
		assert.notEqual(servers[name].stats().requests, 0, `${name} was not asked`);
	for (const sent of c.sent ?? [])
		assert.match(servers.sts.requests.at(-1).body, sent);
	if (found !== FAILS)
		c.check?.(dir);
}

async function js(c) {
	const { dir, env } = await prepare(c);
	// Which on a busy machine is not always within AWS's second.
	const timeout = /imds/.test(c.js ?? c.expect) ? BUSY_S * 1000 : undefined;
	const keys = await jsKeys({ env, profile: c.profile, init: { timeout } });
	const found = keys.error ? FAILS : servers.mint.trail(keys.accessKeyId);
	assert.equal(found, c.js ?? c.expect, keys.error);
	if (!keys.error) {
		const { secretAccessKey, sessionToken } = known(Date.now())
			.find((k) => k.accessKeyId === keys.accessKeyId);
		assert.equal(keys.secretAccessKey, secretAccessKey);
		assert.equal(keys.sessionToken, sessionToken);
	}
	assertServers(c, dir, found);
}

async function ours(c) {
	if (c.differs)
		note(`differs: ${c.differs}`);
	const { dir, env } = await prepare(c);
	const file = path.join(dir, "agentcgi.conf");
	fs.writeFileSync(file, configText({}, { default: { arn: ARN, endpoint: upstream.url,
		...(c.profile && { profile: c.profile }) } }));
	const begun = Date.now();
	const done = await runToEnd([AGENTCGI, "invoke", "--config", file, "hello"], { env });
	const all = done.out + done.err;
	const requests = await upstream.requests();
	for (const request of requests)
		assert.equal(request.refused, null, all);
	const ids = requests.map((r) => /Credential=([^/]+)\//.exec(r.headers.authorization)[1]);
	const found = ids.length === 0 ? FAILS : servers.mint.trail(ids.at(-1));
	assert.equal(found, c.ours ?? c.expect, all);
	assert.ok(ids.length <= 1, "asked once");
	assert.ok(Date.now() - begun < (c.within ?? 30_000), "in time");
	if (found === FAILS) {
		assert.equal(done.code, 1, all);
		assert.match(done.err, /\(no_credentials\)/);
		assert.equal(done.out, "");
	} else {
		assert.equal(done.code, 0, all);
		assert.equal(done.out, "hello");
	}
	for (const keys of known(Infinity).concat(servers.mint.issued))
		assert.ok(!all.includes(keys.secretAccessKey) && !all.includes(keys.accessKeyId),
			`keys in:\n${all}`);
	assert.ok(!all.includes(ACCOUNT), `the account in:\n${all}`);
	assert.equal(servers.imds.stats().v1, undefined, "version 1 of instance metadata");
	assertServers(c, dir, found);
}

for (const c of CASES) {
	test(`js: ${c.name}`, () => js(c));
	test(`agentcgi: ${c.name}`, () => ours(c));
}

await run(async () => {
	await Promise.all([servers.close(), upstream.close()]);
	await stopAll();
});
