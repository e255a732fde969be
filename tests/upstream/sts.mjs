// A stand-in for AWS's Security Token Service: AssumeRole,
// AssumeRoleWithWebIdentity and GetCallerIdentity over POST /, in the Query
// protocol with XML answers.
//
// What it does not do: other operations, GET, policies (whoever has keys may
// assume any role, unless roles says otherwise), MFA, tags, JSON Web Tokens
// (a token is right if it is the one of the switch, to the byte), HTTP/2, TLS.
//
// Messages are worded as STS words them, as far as that is known.

import { Fake } from "./fake.mjs";
import { ACCOUNT } from "./secrets.mjs";
import { Refusal, parseQuery, verify } from "./verify.mjs";

const VERSION = "2011-06-15";
const XMLNS = `https://sts.amazonaws.com/doc/${VERSION}/`;
const ROLE = /^arn:aws(?:-[a-z-]+)?:iam::(\d{12}):role\/(?:[\w+=,.@/-]*\/)?([\w+=,.@-]+)$/;
const SESSION_NAME = /^[\w+=,.@-]{2,64}$/;
const EXTERNAL_ID = /^[\w+=,.@:/-]{2,1224}$/;
const MAX_TOKEN = 20000;
const CHAINED_S = 3600;

// What other services call it, STS calls something else.
const CODES = {
	InvalidSignatureException: "SignatureDoesNotMatch",
	UnrecognizedClientException: "InvalidClientTokenId",
	MissingAuthenticationTokenException: "MissingAuthenticationToken",
	AccessDeniedException: "SignatureDoesNotMatch",
	ExpiredTokenException: "ExpiredToken",
};

const invalid = (message) => new Refusal(400, "ValidationError", message);
const escape = (text) => String(text)
	.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
// Any character may be written as a number.
const asNumbers = (text) => escape(text)
	.replaceAll("/", "&#47;").replaceAll("+", "&#x2B;").replaceAll("=", "&#x3d;");

function xml(value, write, depth = 1) {
	const indent = "  ".repeat(depth);
	return Object.entries(value).map(([name, v]) => `${indent}<${name}>`
		+ (typeof v === "object" ? `\n${xml(v, write, depth + 1)}${indent}` : write(v))
		+ `</${name}>\n`).join("");
}

function document(root, value, write = escape) {
	return `<${root} xmlns="${XMLNS}">\n${xml(value, write)}</${root}>\n`;
}

async function verified(request, { is }, options) {
	const { now } = request;
	const credentials = [...options.credentials(now), ...options.mint.credentials(now)];
	try {
		const { accessKeyId, region } = await verify({ ...request, protocol: "http:" },
			{ credentials, expired: options.mint.expired(now), service: "sts", now });
		if (is.region && region !== is.region)
			throw new Refusal(403, "InvalidSignatureException",
				`Credential should be scoped to a valid region. `);
		return accessKeyId;
	} catch (error) {
		if (error instanceof Refusal)
			error.type = CODES[error.type] ?? error.type;
		throw error;
	}
}

function checkRole(form) {
	const role = ROLE.exec(form.RoleArn ?? "");
	if (!role)
		throw invalid(`${form.RoleArn} is invalid`);
	if (!SESSION_NAME.test(form.RoleSessionName ?? ""))
		throw invalid("1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint");
	const duration = Number(form.DurationSeconds ?? 3600);
	if (!Number.isInteger(duration) || duration < 900 || duration > 43200)
		throw invalid("1 validation error detected: Value at 'durationSeconds' failed to satisfy constraint");
	return { account: role[1], name: role[2], duration };
}

const minted = (keys) => ({
	AccessKeyId: keys.accessKeyId,
	SecretAccessKey: keys.secretAccessKey,
	SessionToken: keys.sessionToken,
	Expiration: keys.expiration.toISOString().replace(".000", ""),
});

const assumed = ({ account, name }, form) => ({
	AssumedRoleId: `AROAEXAMPLE:${form.RoleSessionName}`,
	Arn: `arn:aws:sts::${account}:assumed-role/${name}/${form.RoleSessionName}`,
});

const OPERATIONS = {
	async AssumeRole(form, request, fake, { mint, ...options }) {
		const caller = await verified(request, fake, { mint, ...options });
		const role = checkRole(form);
		if (form.ExternalId !== undefined && !EXTERNAL_ID.test(form.ExternalId))
			throw invalid("1 validation error detected: Value at 'externalId' failed to satisfy constraint");
		const trust = fake.is.roles?.[form.RoleArn] ?? {};
		if ((fake.is.roles && !fake.is.roles[form.RoleArn])
			|| (trust.externalId && trust.externalId !== form.ExternalId))
			throw new Refusal(403, "AccessDenied",
				`User: arn:aws:iam::${ACCOUNT}:user/test is not authorized to perform: sts:AssumeRole on resource: ${form.RoleArn}`);
		if (["role", "web"].includes(mint.find(caller)?.source) && role.duration > CHAINED_S)
			throw invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining");
		const keys = mint.issue("role", { trail: `role ${role.name}`, of: caller,
			lifetime: fake.is.lifetime ?? role.duration });
		return { AssumedRoleUser: assumed(role, form), Credentials: minted(keys) };
	},

	async AssumeRoleWithWebIdentity(form, request, fake, { mint }) {
		if (request.headers.authorization)
			fake.count("surplus_signatures");
		const role = checkRole(form);
		const token = form.WebIdentityToken ?? "";
		if (token.length < 4 || token.length > MAX_TOKEN)
			throw invalid("1 validation error detected: Value at 'webIdentityToken' failed to satisfy constraint");
		if (fake.is.webTokenExpired)
			throw new Refusal(400, "ExpiredTokenException",
				"Token expired: current date/time must be before the expiration date/time");
		if (token !== fake.is.webToken)
			throw new Refusal(400, "InvalidIdentityToken",
				"The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)");
		const keys = mint.issue("web", { trail: `web ${role.name}`,
			lifetime: fake.is.lifetime ?? role.duration });
		return {
			Audience: "sts.amazonaws.com",
			AssumedRoleUser: assumed(role, form),
			Provider: "https://issuer.example",
			Credentials: minted(keys),
			SubjectFromWebIdentityToken: "system:serviceaccount:default:test",
		};
	},

	async GetCallerIdentity(form, request, fake, options) {
		const caller = await verified(request, fake, options);
		return { Arn: `arn:aws:iam::${ACCOUNT}:user/${caller}`, UserId: caller, Account: ACCOUNT };
	},
};

const refused = (request, { status, type, message }) => ({
	status,
	headers: { "content-type": "text/xml", "x-amzn-requestid": request.id },
	body: document("ErrorResponse", {
		Error: { Type: status < 500 ? "Sender" : "Receiver", Code: type, Message: message },
		RequestId: request.id,
	}),
});

// error.times: that often, then no more.
function spoilt({ is }) {
	const { error } = is;
	if (!error)
		return;
	if (error.times !== undefined && error.times-- <= 0)
		return;
	throw new Refusal(error.status, error.code, error.message ?? "No.");
}

async function handle(request, fake, options) {
	const form = parseQuery(request.body.toString().replaceAll("+", "%20"));
	try {
		spoilt(fake);
		if (request.method !== "POST" || request.path !== "/"
			|| !/^application\/x-www-form-urlencoded\b/.test(request.headers["content-type"] ?? "")
			|| form.Version !== VERSION || !Object.hasOwn(OPERATIONS, form.Action))
			throw new Refusal(400, "InvalidAction",
				`Could not find operation ${form.Action} for version ${form.Version}`);
		const result = await OPERATIONS[form.Action](form, request, fake, options);
		fake.count(form.Action);
		return {
			headers: { "content-type": "text/xml", "x-amzn-requestid": request.id },
			body: document(`${form.Action}Response`, {
				[`${form.Action}Result`]: result,
				ResponseMetadata: { RequestId: request.id },
			}, fake.is.numbers ? asNumbers : escape),
		};
	} catch (error) {
		if (!(error instanceof Refusal))
			throw error;
		fake.count("refused");
		return refused(request, error);
	}
}

/*
 * options: mint, credentials (a function of the time: those known besides the
 * mint's).  Switches: error {status, code, message?, times?}, region (to be
 * signed for), roles {arn: {externalId?}} (no other is there), webToken,
 * webTokenExpired, lifetime (seconds, whatever was asked for), numbers (XML's
 * numeric references in the answer), and those of Fake.
 */
export function sts(options) {
	return new Fake({ error: null, region: null, roles: null, webToken: null,
		webTokenExpired: false, lifetime: undefined, numbers: false },
	(request, fake) => handle(request, fake, options));
}
