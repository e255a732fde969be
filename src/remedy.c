#include "remedy.h"

#include <string.h>

#include "buf.h"
#include "config.h"
#include "policy.h"

struct known {
	const char *words;
	const char *todo;
};

static const char *todo_of(
    const struct known *rows, size_t count, struct slice text)
{
	for (size_t i = 0; i < count; i++) {
		struct slice words = slice_from(rows[i].words);

		if (slice_find(text, words) < text.len)
			return rows[i].todo;
	}
	return NULL;
}

/* Of no connection, by libcurl's number, as multi.c logs it: those have not
 * changed in twenty years. */
static const struct known connections[] = {
    {"(curl error 5)", "DNS knows no proxy of the name in HTTPS_PROXY"},
    {"(curl error 6)",
	"DNS does not know the host: look at the region, at endpoint or url, "
	"and at this machine's DNS (/etc/resolv.conf)"},
    {"(curl error 7)",
	"nothing listens there, or a firewall refuses: look at endpoint or "
	"url, routes and firewalls; in a VPC without Internet, at its "
	"interface endpoint"},
    {"(curl error 28)",
	"nothing answers there: look at routes and firewalls, and whether "
	"HTTPS_PROXY is needed"},
    {"(curl error 35)",
	"what listens there speaks no TLS, or none that this machine takes: "
	"look at endpoint or url, and whether it is to be http://"},
    {"(curl error 60)",
	"the certificate is of an authority that is not trusted here, has "
	"expired, or is for another name than the endpoint's; openssl "
	"s_client -connect HOST:PORT shows it. Set ca_file, or AWS_CA_BUNDLE, "
	"to the bundle that has its authority (a proxy that inspects TLS has "
	"one of its own)"},
    {"(curl error 77)",
	"ca_file, AWS_CA_BUNDLE or SSL_CERT_FILE names a file that cannot be "
	"read, or holds no certificates"},
};

/* Of refusals that say too little, or the wrong thing, by their name. */
static const struct known refusals[] = {
    {"Credential should be scoped",
	"the endpoint is of another region or service than the ARN, region or "
	"service says: take endpoint out of the configuration, or "
	"AWS_ENDPOINT_URL... out of the environment"},
    {"model identifier is invalid",
	"there is no such model in this region: look at model and region"},
    {"on-demand throughput",
	"this model is used by an inference profile: set model to its id, "
	"such as us.MODEL"},
    {"access to the model",
	"ask for access to the model: Model access, in Bedrock's console"},
    {"API Key is valid", "the API key is wrong or has expired: make another"},
    {"explicit deny",
	"a policy denies it, perhaps one of the organisation or of a VPC "
	"endpoint: no policy that allows it helps against that one"},
};

#define TODO_OF(rows, text) \
	todo_of(rows, sizeof(rows) / sizeof((rows)[0]), text)

/* Of keys that do not count, by the error's name. */
static const struct known wrong_keys[] = {
    {"UnrecognizedClientException",
	"there are no keys of this id, in this partition of AWS, or the "
	"session token that belongs to them is missing or of others"},
    {"InvalidSignatureException",
	"the secret key is not that of the key id, or something on the way "
	"changes requests"},
};

static const struct {
	enum status status;
	const char *todo;
} failures[] = {
    {STATUS_UPSTREAM_UNREACHABLE,
	"look at the endpoint's name, DNS, routes and firewalls"},
    {STATUS_UPSTREAM_UNTRUSTED, "look at ca_file and the endpoint"},
    {STATUS_UPSTREAM_TIMEOUT,
	"there is a connection, but no answer: look at what listens there, "
	"proxies included"},
    {STATUS_UPSTREAM_EMPTY,
	"what listens there is no HTTP service, or wants TLS: look at "
	"endpoint or url, and its log"},
    {STATUS_UPSTREAM_THROTTLED,
	"a quota of the account is used up: try again, look for sessions that "
	"idle, and at Service Quotas"},
    {STATUS_AGENT_FAILED,
	"the agent's own code failed or did not start: read its log (of "
	"AgentCore: in CloudWatch, /aws/bedrock-agentcore/runtimes/)"},
};

static const char *todo_of_status(enum status status)
{
	for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
		if (failures[i].status == status)
			return failures[i].todo;
	}
	return "look at endpoint or url, and at the service's own log; with "
	       "log_level = debug, agentcgi invoke shows its words";
}

const char *remedy_of_cause(
    enum refusal_cause cause, const struct config_agent *agent)
{
	struct refusal refusal = {.cause = cause};

	/* The service says the same either way. */
	if (cause == REFUSAL_MISMATCH)
		refusal.cause = agent->auth == AUTH_BEARER
		    ? REFUSAL_WANTS_KEYS
		    : REFUSAL_WANTS_TOKEN;
	return refusal_advice(&refusal) + strlen(": ");
}

const char *remedy_of_failure(enum status status, struct slice said)
{
	const char *todo = TODO_OF(connections, said);

	return todo != NULL ? todo : todo_of_status(status);
}

static const char *todo_of_words(const struct refusal *refusal)
{
	return TODO_OF(refusals, buf_slice(&refusal->body));
}

bool remedy_in_words(const struct refusal *refusal)
{
	return todo_of_words(refusal) != NULL;
}

const char *remedy_of_refusal(
    const struct refusal *refusal, const struct config_agent *agent)
{
	const char *todo = todo_of_words(refusal);

	if (todo == NULL && refusal->cause == REFUSAL_KEYS)
		todo = TODO_OF(wrong_keys, slice_from(refusal->type));
	if (todo == NULL && refusal->cause != REFUSAL_OTHER)
		todo = remedy_of_cause(refusal->cause, agent);
	if (todo == NULL && refusal->http >= 500)
		todo = "the service itself is in trouble: try again, and look "
		       "at health.aws.amazon.com";
	if (todo == NULL)
		todo = todo_of_status(
		    refusal_status(refusal, agent->auth == AUTH_BEARER));
	return todo;
}

void remedy_add_permission(
    struct buf *out, const struct config_agent *agent, bool bedrock_key)
{
	static const char *const others[] = {
	    [AUTH_BEARER] = "the caller's token may not",
	    [AUTH_API_KEY] = "look at whom the key in api_key_file belongs to",
	    [AUTH_NONE] = "it wants to know who asks: set auth",
	};

	if (bedrock_key)
		buf_add_text(out,
		    "attach the policy above to " REMEDY_OWNER_OF_BEDROCK_KEY);
	else if (agent->auth != AUTH_SIGV4)
		buf_add_text(out, others[agent->auth]);
	else if (policy_knows(agent))
		buf_add_text(out,
		    "attach the policy above to whoever the keys belong to");
	else
		buf_addf(out,
		    "allow the keys whatever action %s wants for this address",
		    agent->service);
}
