/*
 * text: the piece of the answer's text that an agent's own event carries.
 *
 * The rules of src/translate.c, for a page that reads events=raw: JSON
 * strings and plain text (AgentCore apps in Python and TypeScript), Strands,
 * Converse, LangGraph, AG-UI, OpenAI and Anthropic events, a plain answer.
 */

/* What the "type" of an event means for its text; others mean nothing. */
const DELTA_TYPES = new Set([
	"TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_CHUNK", /* AG-UI */
	"text-delta",                                 /* Vercel AI */
	"response.output_text.delta",                 /* OpenAI Responses */
]);
const SUMMARY_TYPES = new Set([
	"agentResultEvent", "agentResult", /* Strands */
	"final", "result", "done", "complete",
]);
const SILENT_TYPES =
	/^([A-Z_]+|(tool|reasoning|thinking|response\.).*|.*Event|error|human|system)$/;
const BLOCK_DELTA_TYPES = new Set([
	"modelContentBlockDeltaEvent", /* Strands for TypeScript */
	"content_block_delta",         /* Anthropic */
]);

/* Types of the parts that are text, among a message's or a delta's. */
const TEXT_TYPES =
	new Set([undefined, "text", "output_text", "textDelta", "text_delta"]);

/* Who speaks, where it is not the agent. */
const OTHERS = new Set(["user", "human", "tool", "system", "developer"]);

/* One per answer, because some agents say the same in several dialects
 * (Strands: a delta, then the same as data, then the whole as a result):
 * what was once heard as deltas is not taken again from a summary. */
export class TextReader {
	#heardDelta = false; /* a nested delta event has been seen */
	#heardText = false;  /* any piece that is no summary has been seen */
	#heardRaw = false;   /* this agent does not speak JSON */
	#said = false;       /* any text at all */
	#silent = [];        /* the first two events without text */

	/* The text in an event's data, often "". */
	read(data) {
		const text = this.#read(data);
		if (text !== "")
			this.#said = true;
		else if (data !== "" && this.#silent.length < 2)
			this.#silent.push(data);
		return text;
	}

	/* At the end: an answer of one document that says no text in any
	 * known way is its own text. */
	end() {
		return this.#said || this.#silent.length !== 1
			? "" : this.#silent[0];
	}

	#read(data) {
		let value;
		try {
			value = JSON.parse(data);
		} catch {
			if (data === "[DONE]") /* how OpenAI's streams end */
				return "";
			this.#heardRaw ||= data !== "";
			return this.#piece(data);
		}
		if (isObject(value))
			return this.#object(value);
		if (Array.isArray(value)) /* LangGraph: [message, metadata] */
			return isObject(value[0]) ? this.#object(value[0]) : "";
		if (this.#heardRaw)
			return data; /* a word that happens to be JSON */
		if (typeof value === "string")
			return this.#isRepr(value) ? "" : this.#piece(value);
		return value === null ? "" : data;
	}

	/* Python's SDK sends what it cannot serialise as str(object): Strands
	 * events that hold live objects. */
	#isRepr(text) {
		const brace = text.startsWith("{'");
		const object = text.includes(" object at 0x");
		return this.#heardDelta ? brace || object : brace && object;
	}

	#piece(text) {
		if (typeof text !== "string")
			return "";
		this.#heardText ||= text !== "";
		return text;
	}

	/* A piece that a summary may say again. */
	#delta(text) {
		this.#heardDelta ||= typeof text === "string";
		return this.#piece(text);
	}

	#summary(value) {
		if (this.#heardText)
			return "";
		/* strings may be pieces: {"result": "a"} {"result": "b"} */
		return typeof value === "string"
			? value : this.#piece(messageText(value));
	}

	#object(value) {
		if (saysError(value.error))
			return ""; /* the server tells it as an event: error */
		const event = isObject(value.event) ? value.event : value;
		const block = event.contentBlockDelta ??
			(BLOCK_DELTA_TYPES.has(event.type) ? event : undefined);
		if (block !== undefined)
			return TEXT_TYPES.has(block.delta?.type)
				? this.#delta(block.delta?.text) : "";
		if (event !== value)
			return "";
		if (value.choices !== undefined)
			return this.#choice(value.choices?.[0]);

		if (DELTA_TYPES.has(value.type))
			return this.#delta(
				value.delta ?? value.textDelta ?? value.text);
		if (SUMMARY_TYPES.has(value.type))
			return this.#summaryIn(value);
		if (SILENT_TYPES.test(value.type))
			return "";
		return this.#plain(value);
	}

	#choice(choice) {
		if (choice?.delta !== undefined)
			return this.#delta(choice.delta?.content);
		return choice?.message !== undefined
			? this.#summary(choice) : this.#delta(choice?.text);
	}

	#summaryIn(value) {
		return this.#summary(value.result ?? value.output ??
			value.response ?? value.message ?? value);
	}

	/* Objects without a dialect: the first name that is there decides. */
	#plain(value) {
		const { data, delta } = value;
		if (data !== undefined && typeof data !== "string")
			return this.#piece(contentText(data?.chunk?.content));
		if (data !== undefined) /* Strands says its deltas here again */
			return this.#heardDelta ? "" : this.#piece(data);
		if (delta !== undefined)
			return this.#piece(messageText(delta));
		if (typeof value.text === "string")
			return this.#piece(value.text);
		if (value.content !== undefined)
			return this.#piece(messageText(value));
		if (value.kwargs !== undefined) /* LangChain's serialisation */
			return this.#piece(messageText(value.kwargs));
		if (typeof value.response === "string")
			return this.#heardDelta ? "" : this.#piece(value.response);
		if (Array.isArray(value.messages)) /* LangGraph's final state */
			return this.#summary(value.messages.at(-1));
		if (typeof value.message === "string" && value.type !== undefined)
			return ""; /* {"type":"status","message":"working"} */
		return this.#summaryIn(value);
	}
}

function isObject(value) {
	return value !== null && typeof value === "object" &&
		!Array.isArray(value);
}

function saysError(error) {
	return isObject(error)
		? Object.keys(error).length > 0
		: !Array.isArray(error) && (error === 0 || Boolean(error));
}

/* A message, or a result that holds one, as Strands and Converse nest it. */
function messageText(value) {
	if (typeof value === "string")
		return value;
	for (const inner of ["message", "lastMessage"]) {
		if (isObject(value?.[inner]))
			value = value[inner];
	}
	if (OTHERS.has(value?.role ?? value?.type))
		return "";
	return typeof value?.text === "string"
		? value.text : contentText(value?.content);
}

/* A string, or blocks of which those of text count. */
function contentText(content) {
	if (typeof content === "string")
		return content;
	if (!Array.isArray(content))
		return "";
	return content
		.filter((block) => TEXT_TYPES.has(block?.type))
		.map((block) => typeof block === "string" ? block : block?.text)
		.filter((text) => typeof text === "string")
		.join("");
}
