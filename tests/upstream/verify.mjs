// Checks a SigV4 signature the way AWS does: signs once more what came over
// the wire, with AWS's own signer, and compares.  Our code has no part in it.

import { Sha256 } from "@aws-crypto/sha256-js";
import { HttpRequest } from "@smithy/protocol-http";
import { SignatureV4 } from "@smithy/signature-v4";

const SKEW_MS = 5 * 60 * 1000;
const FORM =
	/^AWS4-HMAC-SHA256 Credential=([^/ ]+)\/(\d{8})\/([^/ ]+)\/([^/ ]+)\/aws4_request, *SignedHeaders=([a-z0-9;-]+), *Signature=([0-9a-f]{64})$/;

export class Refusal extends Error {
	constructor(status, type, message) {
		super(message);
		this.status = status;
		this.type = type;
	}
}

const denied = (type, message) => new Refusal(403, type, message);

export async function sha256Hex(bytes) {
	const hash = new Sha256();
	hash.update(bytes);
	return Buffer.from(await hash.digest()).toString("hex");
}

// Several fields of one name are joined with a comma, in their order.
export function joinHeaders(rawHeaders) {
	const headers = {};
	for (let i = 0; i < rawHeaders.length; i += 2) {
		const name = rawHeaders[i].toLowerCase();
		const value = rawHeaders[i + 1].trim();
		headers[name] =
			name in headers ? `${headers[name]},${value}` : value;
	}
	return headers;
}

const escape = (text) =>
	encodeURIComponent(text).replace(
		/[!'()*]/g,
		(c) => "%" + c.charCodeAt(0).toString(16).toUpperCase(),
	);

// What the service takes for the path on the wire: a reserved character sent
// raw counts as if it had been escaped, so signing it raw is a mismatch.
const wirePath = (path) =>
	path.split("/").map((s) => escape(decodeURIComponent(s))).join("/");

// "+" is a plus here, not a blank; "k" is "k=".
export function parseQuery(search) {
	const query = {};
	for (const pair of search.replace(/^\?/, "").split("&")) {
		if (pair === "")
			continue;
		const at = pair.indexOf("=");
		const key = decodeURIComponent(at < 0 ? pair : pair.slice(0, at));
		const value = at < 0 ? "" : decodeURIComponent(pair.slice(at + 1));
		query[key] = key in query ? [query[key], value].flat() : value;
	}
	return query;
}

function mustBeSigned(headers, signed) {
	for (const name of Object.keys(headers)) {
		if (name !== "host" && !name.startsWith("x-amz-"))
			continue;
		if (!signed.has(name))
			throw denied("AccessDeniedException",
				`There were headers present in the request which were not signed: ${name}`);
	}
	for (const name of signed) {
		if (!(name in headers))
			throw denied("InvalidSignatureException",
				`SignedHeaders names ${name}, which was not sent`);
	}
}

function signingDate(headers, day, now) {
	const sent = headers["x-amz-date"] ?? "";
	const m = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(sent);
	if (!m || !sent.startsWith(day))
		throw denied("InvalidSignatureException",
			`X-Amz-Date ${sent} does not fit the scope ${day}`);
	const date = new Date(`${m[1]}-${m[2]}-${m[3]}T${m[4]}:${m[5]}:${m[6]}Z`);
	if (Math.abs(date.getTime() - now) > SKEW_MS)
		throw denied("InvalidSignatureException",
			`Signature expired: ${sent} is now off by more than 5 min.`);
	return date;
}

/*
 * Throws a Refusal unless request was signed with one of the credentials
 * ({accessKeyId, secretAccessKey, sessionToken?}) for service.  request is
 * {method, url, headers, body, protocol}; headers as from joinHeaders.
 * expired are the ids of those that were valid once.
 * Returns {accessKeyId, region, signedHeaders}.
 */
export async function verify(request, { credentials, expired = [], service, now }) {
	const { headers } = request;
	const form = FORM.exec(headers.authorization ?? "");
	if (!form)
		throw denied("MissingAuthenticationTokenException",
			"Missing or malformed Authorization header");
	const [, keyId, day, region, signedFor, list] = form;
	const key = credentials.find((c) => c.accessKeyId === keyId);
	if (expired.includes(keyId))
		throw denied("ExpiredTokenException",
			"The security token included in the request is expired");
	if (!key)
		throw denied("UnrecognizedClientException",
			"The security token included in the request is invalid.");
	if (signedFor !== service)
		throw denied("InvalidSignatureException",
			`Credential should be scoped to correct service: '${service}'.`);
	if ((headers["x-amz-security-token"] ?? "") !== (key.sessionToken ?? ""))
		throw denied("UnrecognizedClientException",
			"The security token included in the request is invalid.");
	const names = list.split(";");
	if (names.join() !== [...new Set(names)].sort().join())
		throw denied("InvalidSignatureException",
			"SignedHeaders is not sorted");
	const signed = new Set(names);
	mustBeSigned(headers, signed);
	const date = signingDate(headers, day, now);
	const hash = headers["x-amz-content-sha256"];
	if (hash !== undefined && hash !== (await sha256Hex(request.body)))
		throw denied("InvalidSignatureException",
			"x-amz-content-sha256 is not the hash of the body");
	const again = await signAgain(request, { key, region, service, date, signed });
	if (again !== headers.authorization.replace(/, */g, ", "))
		throw denied("InvalidSignatureException",
			"The request signature we calculated does not match the signature you provided.");
	return { accessKeyId: keyId, region, signedHeaders: names };
}

async function signAgain(request, { key, region, service, date, signed }) {
	const signer = new SignatureV4({
		credentials: key,
		region,
		service,
		sha256: Sha256,
		applyChecksum: false,
	});
	const at = request.url.indexOf("?");
	const path = at < 0 ? request.url : request.url.slice(0, at);
	const result = await signer.sign(
		new HttpRequest({
			method: request.method,
			protocol: request.protocol,
			hostname: request.headers.host,
			path: wirePath(path),
			query: parseQuery(at < 0 ? "" : request.url.slice(at)),
			headers: Object.fromEntries(
				[...signed].map((n) => [n, request.headers[n]])),
			body: request.body,
		}),
		{ signingDate: date, signableHeaders: signed },
	);
	return result.headers.authorization;
}
