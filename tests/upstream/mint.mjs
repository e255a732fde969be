// Where all keys of the stand-ins come from, so that a test can say who has
// given the keys that signed a request, and how often keys were fetched.

import { randomBytes } from "node:crypto";

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const RANDOM = 12;

// The first letters of an id name its source: ASIAIMDS followed by chance.
const TAGS = { imds: "IMDS", container: "ECSX", role: "ROLE", web: "WEBI",
	sso: "SSOX" };

export class Mint {
	// lifetime: seconds, for those that are asked for no other.
	constructor({ lifetime = 3600 } = {}) {
		this.lifetime = lifetime;
		this.issued = [];
	}

	/* New keys of a source (of TAGS); trail says in words whose they are,
	 * `of` is the id of the keys they were got with. */
	issue(source, { lifetime = this.lifetime, trail = source, of } = {}) {
		const random = [...randomBytes(RANDOM)].map((b) => BASE32[b % 32]).join("");
		const at = Date.now();
		const keys = {
			accessKeyId: `ASIA${TAGS[source]}${random}`,
			secretAccessKey: randomBytes(30).toString("base64"),
			// Always with what XML, URLs and JSON have to escape.
			sessionToken: `IQoJ//${randomBytes(45).toString("base64")}+==`,
			expiration: new Date(1000 * Math.floor(at / 1000 + lifetime)),
			source,
			trail,
			of,
			at,
		};
		this.issued.push(keys);
		return keys;
	}

	find(accessKeyId) {
		return this.issued.find((k) => k.accessKeyId === accessKeyId);
	}

	/* Whose keys these are, the latest first: "role b < role a < AKID". */
	trail(accessKeyId) {
		const keys = this.find(accessKeyId);
		if (!keys)
			return accessKeyId;
		return keys.of ? `${keys.trail} < ${this.trail(keys.of)}` : keys.trail;
	}

	count(source) {
		return this.issued.filter((k) => k.source === source).length;
	}

	// For verify(): those valid at that time, and the ids that no longer are.
	credentials(now) {
		return this.issued.filter((k) => k.expiration > now);
	}

	expired(now) {
		return this.issued.filter((k) => k.expiration <= now)
			.map((k) => k.accessKeyId);
	}

	reset() {
		this.issued = [];
	}
}
