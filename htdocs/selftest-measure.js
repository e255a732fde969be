/*
 * selftest-measure: one measurement: what came, and when.
 */
import { readEvents } from "./sse.js";
import { ownError } from "./selftest-verdict.js";

const STREAM = /^text\/event-stream\s*(;|$)/i;
const JSON_TYPE = /^application\/json\s*(;|$)/i;
/* Without an end by then, there is none: ten ticks take three seconds. */
const LIMIT_MS = 90_000;
/* How much longer than the measurement the second request may take. */
const PROBE_LIMIT_MS = 10_000;
/* The browser's own record comes soon after the answer, if at all. */
const RECORD_LIMIT_MS = 1000;
/* Not anybody's token; and a query, which tells the two in the browser's
 * records and the web server's log apart. */
const PROBE_AUTHORIZATION = "Bearer agentcgi-selftest";
const PROBE_QUERY = "?probe=authorization";
const ADVICE = ["stream", "compression", "authorization"];
const LONGEST_TEXT = 500;

function orNull(promise, ms) {
	return Promise.race([promise, new Promise((resolve) =>
		setTimeout(resolve, ms, null))]);
}

function withLimit(signal) {
	return AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
}

function parseObject(json) {
	try {
		const value = JSON.parse(json);
		return typeof value === "object" && value !== null ? value : {};
	} catch {
		return {};
	}
}

function text(value) {
	return typeof value === "string" ? value.slice(0, LONGEST_TEXT) : "";
}

function serverOf(data) {
	const said = parseObject(data);
	return {
		software: text(said.software),
		gateway: text(said.gateway),
		protocol: text(said.protocol),
		authorization: said.authorization,
		advice: Object.fromEntries(
			ADVICE.map((name) => [name, text(said.advice?.[name])])),
	};
}

function get(address, options) {
	return fetch(address, { cache: "no-store", ...options,
		headers: { "Accept": "text/event-stream", ...options.headers } });
}

function isStream(response) {
	return STREAM.test(response.headers.get("Content-Type") ?? "");
}

/* Whether Authorization gets through.  Without credentials, so that the
 * browser asks nobody for a password; a redirect would be to a sign-in. */
async function probe(address, signal) {
	const response = await get(address + PROBE_QUERY, {
		headers: { "Authorization": PROBE_AUTHORIZATION },
		credentials: "omit",
		redirect: "manual",
		signal,
	});
	const { status } = response;
	if (status !== 200 || !isStream(response)) {
		await response.body?.cancel();
		return { status, server: null };
	}
	/* leaving the loop aborts the request */
	for await (const { name, data } of readEvents(response.body))
		if (name === "server")
			return { status, server: serverOf(data) };
	return { status, server: null };
}

/* Waits for what the browser notes about a request that is yet to be made:
 * read() resolves to it or to null. */
function watchRecord(address) {
	const from = performance.now() - 1;
	let observer;
	const noted = new Promise((resolve) => {
		observer = new PerformanceObserver((list) => {
			/* one that was aborted may be noted late */
			const entry = list.getEntriesByName(address)
				.find(({ startTime }) => startTime >= from);
			if (entry !== undefined)
				resolve(entry);
		});
	});
	/* the list is full after 250 files, and then nothing more is noted */
	performance.clearResourceTimings();
	observer.observe({ entryTypes: ["resource"] });
	return {
		read: () => orNull(noted, RECORD_LIMIT_MS),
		stop: () => observer.disconnect(),
	};
}

function takeEvent(seen, { name, data }, now) {
	seen.events++;
	const said = parseObject(data);
	if (name === "server")
		seen.server = serverOf(data);
	else if (name === "done")
		seen.done = text(said.reason);
	else if (name === "error")
		seen.failure = said.error ?? said;
	else if (name === "message" && Number.isInteger(said.tick)
		&& Number.isFinite(said.ms))
		seen.ticks.push({ tick: said.tick, sent: said.ms, arrived: now });
}

function takeHead(seen, response) {
	const header = (name) => text(response.headers.get(name));
	Object.assign(seen, {
		reached: true,
		address: response.url,
		status: response.status,
		isStream: isStream(response),
		type: header("Content-Type"),
		encoding: header("Content-Encoding"),
		requestId: header("X-Request-Id"),
		serverHeader: header("Server"),
		via: header("Via"),
	});
}

async function receive(seen, signal, onChange) {
	const response = await get(seen.asked, { signal });
	takeHead(seen, response);
	if (seen.status !== 200 || !seen.isStream) {
		if (JSON_TYPE.test(seen.type))
			seen.error = ownError(seen.requestId,
				parseObject(await response.text()));
		else
			await response.body?.cancel();
		return;
	}
	for await (const event of readEvents(response.body)) {
		takeEvent(seen, event, performance.now());
		onChange(seen);
	}
}

/* To whatever end. */
async function receiveAll(seen, signal, onChange) {
	const limited = withLimit(signal);
	try {
		await receive(seen, limited, onChange);
	} catch (error) {
		signal.throwIfAborted();
		seen.timedOut = limited.aborted;
		if (!limited.aborted && !(error instanceof TypeError))
			console.error(error); /* a fault of this page */
	}
}

function takeRecord(seen, entry) {
	seen.http = entry?.nextHopProtocol ?? "";
	seen.encodedBytes = entry?.encodedBodySize ?? 0;
	seen.decodedBytes = entry?.decodedBodySize ?? 0;
}

function newSeen(asked) {
	return {
		asked, address: asked,
		reached: false, timedOut: false,
		status: 0, isStream: false, type: "", encoding: "", requestId: "",
		serverHeader: "", via: "",
		events: 0, server: null, ticks: [], done: "",
		error: null,    /* agentcgi's own, instead of a stream */
		failure: null,  /* the same inside of the stream */
		probe: null,
		http: "", encodedBytes: 0, decodedBytes: 0,
	};
}

/*
 * Measure the self-test at this address.  onChange(seen) is called with what
 * there is so far, and should return soon; resolves to it at the end, whatever the end was.  Throws
 * only if signal aborts it.
 *
 *   asked, address     the address, and where redirects led
 *   reached, timedOut  whether there was an answer; whether we gave up
 *   status, isStream, type, encoding, requestId, serverHeader, via: its head
 *   events             how many came, known or not
 *   server             of event: server, its members texts; or null
 *   ticks              {tick, sent, arrived}, ms of two clocks
 *   done               its reason, "" without one
 *   error, failure     an error object instead of, or in, the stream; or null
 *   probe              {status, server} of the request with Authorization
 *   http, encodedBytes, decodedBytes: the browser's own record, if any
 */
export async function measure(asked, signal, onChange) {
	const seen = newSeen(asked);
	const record = watchRecord(asked);
	try {
		const received = receiveAll(seen, signal, onChange);
		const probed = probe(asked, withLimit(signal)).catch(() => null);
		await received;
		/* else its answer says nothing */
		if (seen.server !== null)
			seen.probe = await orNull(probed, PROBE_LIMIT_MS);
		if (seen.reached)
			takeRecord(seen, await record.read());
	} finally {
		record.stop();
	}
	signal.throwIfAborted();
	return seen;
}
