/*
 * selftest-verdict: what was measured, judged.
 *
 * Pure: no page, no clock, no network, no words.  The page says in the
 * reader's language what is found here under a name.
 */

/* A tick is on time that comes this long after its time, as told by the
 * tick that came soonest. */
export const ON_TIME_MS = 150;
/* All came at once: within this share of the time they were sent in. */
export const HELD_SHARE = 0.2;
/* Two came in one block: within this share of the time between them. */
export const BLOCK_SHARE = 0.2;
/* More blocks than this share of the ticks: most came by themselves. */
export const UNEVEN_SHARE = 0.5;

/* Status codes that say that nothing like our address is there. */
const NO_SUCH_ADDRESS = [404, 405, 410];
const NGINX_FORKS = ["openresty", "tengine", "angie", "freenginx"];

const SHARED_HOST_LINE = "AddHandler cgi-script .cgi";
const FRONT_LINE = "proxy_buffering off;";

/* --- Where agentcgi is --- */

/* The address of agentcgi's mount, with a slash at its end: of ?api= in the
 * page's own address, else of the page's meta tag.  What ?api= says counts
 * only as a path of this same origin; else {rejected} is it. */
export function chooseApi(page, meta) {
	const { href, origin, searchParams } = new URL(page);
	const fallback = new URL(meta, href).href;
	const asked = searchParams.get("api");
	if (asked === null)
		return { api: fallback, rejected: "" };
	if (!asked.startsWith("/") || !URL.canParse(asked, href))
		return { api: fallback, rejected: asked };
	const { origin: its, pathname } = new URL(asked, href);
	if (its !== origin)
		return { api: fallback, rejected: asked };
	return {
		api: origin + pathname + (pathname.endsWith("/") ? "" : "/"),
		rejected: "",
	};
}

/* --- Times --- */

function spread(numbers) {
	return Math.max(...numbers) - Math.min(...numbers);
}

/* How many groups of ticks came together. */
function countBlocks(ticks) {
	return ticks.filter((tick, i) => {
		const before = ticks[i - 1];
		return before === undefined || tick.arrived - before.arrived
			> BLOCK_SHARE * (tick.sent - before.sent);
	}).length;
}

/* Of ticks {tick, sent, arrived}, in ms of two clocks that need not agree:
 * rows of the same with both from the first one's sending, and late, which
 * is 0 for the one that came soonest; and what they are like together. */
export function timesOf(ticks) {
	if (ticks.length === 0)
		return { rows: [], sentSpread: 0, arrivedSpread: 0, latest: 0,
			blocks: 0 };
	const soonest = Math.min(...ticks.map((t) => t.arrived - t.sent));
	const rows = ticks.map(({ tick, sent, arrived }) => ({
		tick,
		sent: sent - ticks[0].sent,
		arrived: arrived - soonest - ticks[0].sent,
		late: arrived - sent - soonest,
	}));
	return {
		rows,
		sentSpread: spread(rows.map((row) => row.sent)),
		arrivedSpread: spread(rows.map((row) => row.arrived)),
		latest: Math.max(...rows.map((row) => row.late)),
		blocks: countBlocks(rows),
	};
}

function deliveryOf({ latest, arrivedSpread, sentSpread }) {
	if (latest <= ON_TIME_MS)
		return "streams";
	return arrivedSpread < HELD_SHARE * sentSpread ? "held" : "blocks";
}

/* --- What was answered --- */

/* Whether an answer that is no stream is agentcgi's own: its error object,
 * else null. */
export function ownError(requestId, body) {
	const error = body?.error;
	return requestId !== "" && typeof error?.code === "string"
		&& typeof error.message === "string"
		&& typeof error.requestId === "string"
		&& typeof error.retryable === "boolean" ? error : null;
}

function judge(seen, times) {
	if (!seen.reached)
		return "unreachable";
	const isOurs = seen.server !== null || seen.ticks.length > 0;
	/* a stream that broke off before it said whose it is */
	if (seen.status === 200 && seen.isStream && (isOurs || seen.events === 0))
		return seen.done === "complete" && seen.ticks.length > 1
			? deliveryOf(times) : "cut";
	if (seen.status < 400 || NO_SUCH_ADDRESS.includes(seen.status))
		return "base";
	return "refused";
}

function compressedOf(seen) {
	const names = seen.encoding.toLowerCase().split(",")
		.map((name) => name.trim())
		.filter((name) => name !== "" && name !== "identity");
	if (names.length > 0)
		return names.join(", ");
	/* a proxy may have taken the header, not the fact */
	return seen.encodedBytes > 0 && seen.encodedBytes !== seen.decodedBytes
		? "?" : "";
}

/* What the probe with an Authorization field met: "ok", "lost", "checked"
 * (somebody on the way uses it himself), or "" if that is not known. */
function authorizationOf(probe) {
	if (probe === null)
		return "";
	if (probe.status === 401 || probe.status === 403)
		return "checked";
	if (typeof probe.server?.authorization !== "boolean")
		return "";
	return probe.server.authorization ? "ok" : "lost";
}

/* "nginx" of "nginx/1.22.1 (Debian)"; its forks tell FastCGI that they are
 * nginx, and browsers their own name. */
function product(software) {
	const name = /^[^/\s;(,]*/.exec(software)[0].toLowerCase();
	return NGINX_FORKS.includes(name) ? "nginx" : name;
}

/* Who else is on the way, as the answer's headers tell: a name, or "". */
export function frontOf({ serverHeader, via }, software) {
	if (serverHeader !== "" && software !== ""
		&& product(serverHeader) !== product(software))
		return serverHeader;
	return via;
}

/* --- What to do --- */

/* Only one that is nginx, or may be, can be told what to write. */
function frontNote(front, software) {
	const line = front === "" || product(front) === "nginx"
		? FRONT_LINE : "";
	if (front !== "")
		return { kind: "frontSeen", front, line };
	return { kind: product(software) === "nginx" ? "frontNginx" : "front", line };
}

function* deliveryNotes(found, seen) {
	const { advice, gateway, software } = seen.server ?? {};
	const isHeld = found.verdict !== "streams";
	if (found.isUneven)
		yield { kind: "uneven" };
	if (found.compressed !== "")
		yield { kind: isHeld ? "compressed" : "compressedStreams",
			line: advice?.compression };
	if (!isHeld)
		return;
	/* on some servers compression alone holds back */
	const isSaid = found.compressed !== ""
		&& advice?.compression === advice?.stream;
	if (advice?.stream && !isSaid)
		yield { kind: "stream", line: advice.stream };
	if (gateway === "mod_fcgid" && !found.isUneven)
		yield { kind: "sharedHost", line: SHARED_HOST_LINE };
	yield frontNote(found.front, software ?? "");
}

/* The path that a meta tag or mount would name for this address. */
function mountPath(address) {
	return new URL(address).pathname.replace(/[^/]*$/, "");
}

function* baseNotes(seen) {
	const path = mountPath(seen.asked);
	if (seen.error !== null) {
		yield { kind: "baseMount",
			line: `mount = ${path.replace(/\/$/, "")}` };
		yield { kind: "baseOld" };
		return;
	}
	if (seen.address !== seen.asked)
		yield { kind: "baseRedirected", address: seen.address };
	yield { kind: "baseAlias", path };
	yield { kind: "baseMeta",
		line: `<meta name="agentcgi-api" content="${path}">` };
	yield { kind: "baseQuery", line: "?api=/cgi-bin/agentcgi/" };
}

function* refusalNotes({ status, error }) {
	if (error !== null)
		yield { kind: "refusedLog" };
	else if (status === 401 || status === 403 || status === 407)
		yield { kind: "refusedAccess" };
	else if (status >= 502 && status <= 504)
		yield { kind: "refusedDown" };
	else
		yield { kind: "refusedOther" };
}

function* notesOf(found, seen) {
	switch (found.verdict) {
	case "unreachable":
		yield { kind: seen.timedOut ? "timedOut" : "unreachable" };
		return;
	case "base":
		yield* baseNotes(seen);
		return;
	case "refused":
		yield* refusalNotes(seen);
		return;
	case "cut":
		if (seen.failure === null)
			yield { kind: seen.timedOut ? "timedOut" : "cut" };
		else
			yield { kind: "refusedLog" };
		break;
	default:
		yield* deliveryNotes(found, seen);
	}
	if (found.authorization === "lost")
		yield { kind: "authorizationLost",
			line: seen.server?.advice.authorization };
	else if (found.authorization === "checked")
		yield { kind: "authorizationChecked" };
}

/*
 * seen: what measure() of selftest-measure.js returns.  The result:
 *
 *   verdict        streams, held, blocks, base, cut, unreachable or refused
 *   by             who answered: agentcgi, webserver or nobody
 *   times          of timesOf()
 *   isUneven       blocks, but so many that it may be mere slowness
 *   compressed     the encodings, "?" if only the sizes tell, "" if not
 *   authorization  see authorizationOf()
 *   front          see frontOf()
 *   notes          what else to say, in order: {kind, line, ...}; line is
 *                  what to write somewhere, or ""
 */
export function classify(seen) {
	const times = timesOf(seen.ticks);
	const verdict = judge(seen, times);
	const isStream = ["streams", "held", "blocks", "cut"].includes(verdict);
	const found = {
		verdict,
		by: seen.error !== null || seen.server !== null || seen.ticks.length > 0
			? "agentcgi" : seen.reached ? "webserver" : "nobody",
		times,
		isUneven: verdict === "blocks"
			&& times.blocks > UNEVEN_SHARE * seen.ticks.length,
		compressed: isStream ? compressedOf(seen) : "",
		authorization: isStream ? authorizationOf(seen.probe) : "",
		front: frontOf(seen, seen.server?.software ?? ""),
	};
	found.notes = [...notesOf(found, seen)]
		.map((note) => ({ ...note, line: note.line ?? "" }));
	return found;
}
