/*
 * sse: server-sent events out of a fetch() body.
 *
 * EventSource can only GET and reconnects by itself, which would run the
 * prompt again; so the page posts, and parses the stream here.
 *
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */

/* A push parser: fed any cut of the text, it returns the events completed
 * by it, as {name, data, id}.  name is "message" where the stream gives
 * none; id is the last one seen, or "". */
export class SseParser {
	#rest = "";       /* a line not complete yet */
	#afterCr = false; /* the last character was a CR: skip a LF */
	#name = "";
	#data = [];
	#id = "";

	push(text) {
		if (this.#afterCr && text.startsWith("\n"))
			text = text.slice(1);
		else if (text === "")
			return [];
		this.#afterCr = text.endsWith("\r");

		const lines = text.split(/\r\n|\n|\r/);
		lines[0] = this.#rest + lines[0];
		this.#rest = lines.pop();

		const events = [];
		for (const line of lines) {
			if (line !== "")
				this.#field(line);
			else
				this.#dispatch(events);
		}
		return events;
	}

	#field(line) {
		const colon = line.indexOf(":");
		const field = colon < 0 ? line : line.slice(0, colon);
		let value = colon < 0 ? "" : line.slice(colon + 1);
		if (value.startsWith(" "))
			value = value.slice(1);

		if (field === "data")
			this.#data.push(value);
		else if (field === "event")
			this.#name = value;
		else if (field === "id" && !value.includes("\0"))
			this.#id = value;
		/* a comment has the empty field name; others mean nothing */
	}

	#dispatch(events) {
		if (this.#data.length > 0)
			events.push({
				name: this.#name || "message",
				data: this.#data.join("\n"),
				id: this.#id,
			});
		this.#name = "";
		this.#data = [];
	}
}

/* The events of a ReadableStream of bytes.  An event without its blank line
 * at the end is dropped, as the standard says.  Throws what the stream
 * throws; leaving the loop early cancels the stream. */
export async function* readEvents(stream) {
	const parser = new SseParser();
	const decoder = new TextDecoder(); /* drops one leading BOM */
	const reader = stream.getReader();
	try {
		for (;;) {
			const { done, value } = await reader.read();
			if (done)
				return;
			yield* parser.push(decoder.decode(value, { stream: true }));
		}
	} finally {
		reader.cancel().catch(() => {});
	}
}
