// Stand-ins for whatever gives AWS credentials to programs: the metadata
// service of EC2, the endpoint of containers, STS (sts.mjs) and IAM Identity
// Center.  All their keys come from one mint (mint.mjs).
//
// What they do not do.  imds: IPv6, hop limits, version 1 (refused, counted),
// anything but tokens, the role and the region; it gives new keys with each
// request, where EC2 gives the same for hours.  container: relative URIs (that
// address cannot be had on a test's machine), TLS.  sso: device and code
// grants, listing, logging out; it keeps only the latest tokens.

import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { Fake } from "./fake.mjs";
import { Mint } from "./mint.mjs";
import { ACCOUNT, CREDENTIALS } from "./secrets.mjs";
import { sts } from "./sts.mjs";
import { atTime } from "./upstream.mjs";

export { Mint } from "./mint.mjs";

const TOKEN_PATH = "/latest/api/token";
const ROLES_PATH = "/latest/meta-data/iam/security-credentials/";
const REGION_PATH = "/latest/meta-data/placement/region";
const TTL_MAX_S = 21600;

const isoDate = (date) => date.toISOString().replace(".000", "");
const random = () => randomBytes(24).toString("base64");

/* Switches: noRole (404), tokenStatus (of the answer to PUT), tokenTtl
 * (seconds that tokens live, whatever was asked for), role (its name), code
 * (instead of Success), keys (members of the JSON that are to be different),
 * lifetime (seconds; negative: expired already), region; and Fake's. */
function imds(mint) {
	const tokens = new Map();
	const giveToken = ({ headers }, fake) => {
		const { is } = fake;
		const ttl = Number(headers["x-aws-ec2-metadata-token-ttl-seconds"]);
		if (is.tokenStatus)
			return { status: is.tokenStatus };
		if (headers["x-forwarded-for"])
			return { status: 403 };
		if (!Number.isInteger(ttl) || ttl < 1 || ttl > TTL_MAX_S)
			return { status: 400 };
		const token = random();
		tokens.set(token, Date.now() + 1000 * (is.tokenTtl ?? ttl));
		fake.count("tokens");
		return { body: token,
			headers: { "x-aws-ec2-metadata-token-ttl-seconds": String(ttl) } };
	};
	const document = ({ is }) => {
		const keys = mint.issue("imds", { lifetime: is.lifetime });
		return {
			Code: is.code,
			LastUpdated: isoDate(new Date(keys.at)).replace(/\.\d+/, ""),
			Type: "AWS-HMAC",
			AccessKeyId: keys.accessKeyId,
			SecretAccessKey: keys.secretAccessKey,
			Token: keys.sessionToken,
			Expiration: isoDate(keys.expiration),
			...is.keys,
		};
	};
	return new Fake({ noRole: false, tokenStatus: 0, tokenTtl: undefined,
		role: "instance-role", code: "Success", keys: {}, lifetime: undefined,
		region: "us-west-2" }, (request, fake) => {
		const { method, path, headers } = request;
		if (method === "PUT" && path === TOKEN_PATH)
			return giveToken(request, fake);
		if (method !== "GET")
			return { status: 405 };
		const token = headers["x-aws-ec2-metadata-token"];
		if (token === undefined)
			fake.count("v1");
		if (!(tokens.get(token) > Date.now()))
			return { status: 401 };
		const { is } = fake;
		if (path === REGION_PATH)
			return { body: is.region };
		if (is.noRole || !path.startsWith(ROLES_PATH))
			return { status: 404 };
		if (path === ROLES_PATH)
			return { body: is.role };
		if (path !== ROLES_PATH + is.role)
			return { status: 404 };
		// Its JSON is sent as text.
		return { body: JSON.stringify(document(fake), null, 2) };
	});
}

/* Switches: token (what Authorization must be; null: must not be there),
 * tokenFile (a file with it, read each time), statuses (of the next answers),
 * keys and lifetime as above; and Fake's. */
function container(mint, path) {
	return new Fake({ token: null, tokenFile: null, statuses: [], keys: {},
		lifetime: undefined }, (request, fake) => {
		const { is } = fake;
		const status = (is.statuses = [...is.statuses]).shift() ?? 200;
		if (status !== 200)
			return { status, body: { code: "Spoilt", message: "not this time" } };
		if (request.method !== "GET" || request.path !== path)
			return { status: 404, body: { code: "NotFound", message: "no such path" } };
		const token = is.tokenFile ? fs.readFileSync(is.tokenFile, "utf8") : is.token;
		if ((request.headers.authorization ?? null) !== token) {
			fake.count("refused");
			return { status: 401, body: { code: "Unauthorized", message: "wrong token" } };
		}
		const keys = mint.issue("container", { lifetime: is.lifetime });
		return { body: {
			RoleArn: `arn:aws:iam::${ACCOUNT}:role/task`,
			AccessKeyId: keys.accessKeyId,
			SecretAccessKey: keys.secretAccessKey,
			Token: keys.sessionToken,
			Expiration: isoDate(keys.expiration),
			...is.keys,
		} };
	});
}

const ssoError = (status, type, error, message) => ({
	status,
	headers: { "x-amzn-errortype": type },
	body: error ? { error, error_description: message } : { message },
});

function refresh(request, fake) {
	const { is } = fake;
	if (request.method !== "POST"
		|| !/^application\/json\b/.test(request.headers["content-type"] ?? ""))
		return ssoError(400, "InvalidRequestException", "invalid_request", "not JSON");
	const form = JSON.parse(request.body);
	if (form.clientId !== is.clientId || form.clientSecret !== is.clientSecret)
		return ssoError(401, "InvalidClientException", "invalid_client", "unknown client");
	if (form.grantType !== "refresh_token")
		return ssoError(400, "UnsupportedGrantTypeException", "unsupported_grant_type", "what?");
	if (form.refreshToken !== is.refreshToken)
		return ssoError(400, "InvalidGrantException", "invalid_grant",
			"Invalid refresh token provided");
	is.accessToken = `aoa${random()}`;
	is.refreshToken = `aor${random()}`;
	fake.count("refreshes");
	return { body: {
		accessToken: is.accessToken,
		expiresIn: is.tokenLifetime,
		refreshToken: is.refreshToken,
		tokenType: "Bearer",
	} };
}

function federate(mint, request, fake) {
	const { is } = fake;
	const { role_name, account_id } = request.query;
	if (request.method !== "GET")
		return { status: 405 };
	if (!role_name || !account_id)
		return ssoError(400, "InvalidRequestException", null, "role_name and account_id");
	if (!is.accessToken
		|| request.headers["x-amz-sso_bearer_token"] !== is.accessToken)
		return ssoError(401, "UnauthorizedException", null, "Session token not found or invalid");
	if (role_name !== is.role || account_id !== is.account)
		return ssoError(403, "ForbiddenException", null, "No access");
	const keys = mint.issue("sso", { trail: `sso ${role_name}`, lifetime: is.lifetime });
	return { body: { roleCredentials: {
		accessKeyId: keys.accessKeyId,
		secretAccessKey: keys.secretAccessKey,
		sessionToken: keys.sessionToken,
		expiration: keys.expiration.getTime(),
	} } };
}

/* OIDC and portal at one address.  Switches: clientId, clientSecret,
 * refreshToken and accessToken (change with each refresh), tokenLifetime,
 * account, role, lifetime; and Fake's. */
function sso(mint) {
	return new Fake({ clientId: "client", clientSecret: "client secret",
		refreshToken: "aorEXAMPLE", accessToken: "aoaEXAMPLE/+==", tokenLifetime: 3600,
		account: ACCOUNT, role: "Permission-Set", lifetime: undefined },
	(request, fake) => {
		switch (request.path) {
		case "/token":
			return refresh(request, fake);
		case "/federation/credentials":
			return federate(mint, request, fake);
		}
		return ssoError(404, "UnknownOperationException", null, "no such path");
	});
}

/*
 * options: mint, credentials (those STS knows besides the mint's: one, a list
 * or a function of the time), containerPath.  Returns {mint, imds, container,
 * sts, sso, reset(), close()}, each server with {url, set(switches), reset(),
 * requests, stats()}; container.url ends with its path.
 */
export async function startKeyServers(options = {}) {
	const mint = options.mint ?? new Mint();
	const path = options.containerPath ?? "/v2/credentials";
	const servers = {
		imds: await imds(mint).start(),
		container: await container(mint, path).start(),
		sts: await sts({ mint, credentials: atTime(options.credentials ?? CREDENTIALS) }).start(),
		sso: await sso(mint).start(),
	};
	servers.container.url += path;
	const all = Object.values(servers);
	return {
		mint,
		...servers,
		reset() {
			mint.reset();
			all.forEach((s) => s.reset());
		},
		close: () => Promise.all(all.map((s) => s.close())),
	};
}
