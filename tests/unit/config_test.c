#include "../../src/config.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/buf.h"
#include "alloc.h"
#include "tap.h"

#define ARN \
	"arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/s-abcdefghij"
#define AGENT "[agent default]\narn = " ARN "\n"

static const char *env_arn, *env_service, *env_all, *env_ignore;
static const char *env_region, *env_default_region, *env_bedrock;
static const char *env_state;

static const char *env(const char *name)
{
	if (strcmp(name, "STATE_DIRECTORY") == 0)
		return env_state;
	if (strcmp(name, "AGENT_RUNTIME_ARN") == 0)
		return env_arn;
	if (strcmp(name, "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE") == 0)
		return env_service;
	if (strcmp(name, "AWS_ENDPOINT_URL") == 0)
		return env_all;
	if (strcmp(name, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == 0)
		return env_ignore;
	if (strcmp(name, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME") == 0)
		return env_bedrock;
	if (strcmp(name, "AWS_REGION") == 0)
		return env_region;
	if (strcmp(name, "AWS_DEFAULT_REGION") == 0)
		return env_default_region;
	return NULL;
}

static struct config *parse(const char *text)
{
	struct config *config;
	struct config_error error;

	if (config_parse(slice_from(text), "x", env, &config, &error) ==
	    STATUS_OK)
		return config;
	printf("# cannot go on: %s\n", error.text);
	exit(1);
}

/* That text is refused, with a message that begins so. */
static void refused(const char *text, const char *wanted)
{
	struct config *config;
	struct config_error error;

	CHECK(config_parse(slice_from(text), "x", env, &config, &error) ==
	    STATUS_NOT_CONFIGURED);
	CHECK(config == NULL);
	CHECK_SLICE(slice_first(slice_from(error.text), strlen(wanted)),
	    slice_from(wanted));
	config_unref(config);
}

/* Whether a line is taken, before the first section or in one. */
static bool takes(bool global, const char *setting)
{
	struct config *config;
	struct config_error error;
	struct buf text;
	enum status status;

	buf_init(&text, 4096);
	buf_addf(&text, "%s%s\n%s", global ? "" : AGENT, setting,
	    global ? AGENT : "");
	status = config_parse(buf_slice(&text), "x", env, &config, &error);
	buf_free(&text);
	config_unref(config);
	return status == STATUS_OK;
}

static void all_taken(
    bool global, bool wanted, const char *const *lines, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (takes(global, lines[i]) == wanted)
			continue;
		tap_failed = true;
		printf("# %s: %s\n", wanted ? "refused" : "taken", lines[i]);
	}
}

TEST(defaults_are_those_of_the_contract)
{
	struct config *c = parse(AGENT);

	CHECK_SLICE(
	    slice_from(c->listen), SLICE("unix:/run/agentcgi/agentcgi.sock"));
	CHECK_SLICE(slice_from(c->state_dir), SLICE("/var/lib/agentcgi"));
	CHECK_SLICE(slice_from(c->store), SLICE("files"));
	CHECK(c->log_level == LOG_INFO);
	CHECK(c->keepalive_ms == 15000 && c->header_wait_ms == 5000);
	CHECK(c->drain_timeout_ms == 25000 && c->max_streams == 10000);
	CHECK(c->max_body == 1048576 && c->max_prompt == 65536);
	CHECK(c->allow_origin[0] == '\0' && !c->require_user);
	CHECK(c->session_policy == SESSION_SIGNED);
	CHECK(c->rate_count == 30 && c->rate_period_ms == 60000);
	CHECK(c->streams_per_user == 4 && c->incremental);
	CHECK(c->mount[0] == '\0' && c->ca_file[0] == '\0');
	CHECK(c->default_prompt[0] == '\0');
	CHECK_SLICE(slice_from(c->path), SLICE("x"));
	config_unref(c);
}

TEST(an_agent_has_the_defaults_of_the_contract)
{
	struct config *c = parse(AGENT);
	const struct config_agent *a = config_agent(c, (struct slice){0});

	CHECK(a != NULL && a == config_agent(c, SLICE("default")));
	CHECK(config_agent(c, SLICE("nobody")) == NULL);
	CHECK(a->backend == BACKEND_AGENTCORE && a->auth == AUTH_SIGV4);
	CHECK_SLICE(slice_from(a->arn), SLICE(ARN));
	CHECK_SLICE(slice_from(a->qualifier), SLICE("DEFAULT"));
	CHECK_SLICE(slice_from(a->region), SLICE("us-west-2"));
	CHECK_SLICE(slice_from(a->endpoint),
	    SLICE("https://bedrock-agentcore.us-west-2.amazonaws.com"));
	CHECK_SLICE(slice_from(a->service), SLICE("bedrock-agentcore"));
	CHECK(a->payload == PAYLOAD_PROMPT && a->events == EVENTS_RAW);
	CHECK(a->api_key_file[0] == '\0' && a->url[0] == '\0');
	CHECK(a->model[0] == '\0' && a->system[0] == '\0');
	CHECK(a->max_tokens == 0 && a->stop[0] == '\0');
	CHECK(a->temperature[0] == '\0' && a->top_p[0] == '\0');
	CHECK(a->guardrail[0] == '\0');
	CHECK_SLICE(slice_from(a->guardrail_version), SLICE("DRAFT"));
	CHECK(a->on_disconnect == DISCONNECT_CANCEL);
	CHECK(a->resume_window_ms == 60000 && a->connect_timeout_ms == 5000);
	CHECK(a->first_byte_timeout_ms == 900000);
	CHECK(a->idle_timeout_ms == 300000 && a->total_timeout_ms == 3600000);
	config_unref(c);
}

TEST(every_form_of_a_line_is_read)
{
	struct config *c = parse("\xef\xbb\xbf# a comment\r\n"
				 "  ; another\r\n\r\n"
				 "keepalive=500s\t ; half of it\r\n"
				 "   header_wait : 250ms\r\n"
				 "ca_file = ; nothing\r\n"
				 "[agent helper] ; a title\r\n"
				 "  backend = bedrock\r\n"
				 "  model   = m\r\n"
				 "  region  = us-west-2\r\n"
				 "  system  = Say a;b = [d] # e ; no more\r\n"
				 "[ agent\t default ]\r\n"
				 "  arn = " ARN);
	const struct config_agent *a = config_agent(c, SLICE("helper"));

	CHECK(c->keepalive_ms == 500000 && c->header_wait_ms == 250);
	CHECK(c->ca_file[0] == '\0');
	CHECK(a != NULL && a->backend == BACKEND_BEDROCK);
	CHECK_SLICE(slice_from(a->system), SLICE("Say a;b = [d] # e"));
	CHECK(config_agent(c, (struct slice){0}) != NULL);
	config_unref(c);
}

/* Longer than inih's buffer, with blanks and comment signs at every cut. */
TEST(a_long_value_is_read_whole)
{
	static const char *const fillers[] = {
	    "x", " y", "a  b;", "# ;;;", "= [", "|| ", "\xc3\xa4"};

	for (size_t i = 0; i < sizeof fillers / sizeof fillers[0]; i++) {
		for (size_t lead = 1; lead < 12; lead++) {
			char prompt[1200] = "aaaaaaaaaaaa";
			struct buf text;
			struct config *c;

			prompt[lead] = '\0';
			while (strlen(prompt) < 1000)
				strcat(prompt, fillers[i]);
			strcat(prompt, ".");
			/* A blank and ; begin a comment: not in a value. */
			for (char *at = prompt; (at = strstr(at, " ;"));)
				at[1] = ':';
			buf_init(&text, 4096);
			buf_addf(&text, "default_prompt = %s ; so\n" AGENT "%c",
			    prompt, '\0');
			c = parse(text.ptr);
			CHECK_SLICE(
			    slice_from(c->default_prompt), slice_from(prompt));
			config_unref(c);
			buf_free(&text);
		}
	}
}

TEST(what_is_not_understood_is_refused_with_its_line)
{
	char longer[9000];

	refused("\nkeepalive = 15\n",
	    "x:2: keepalive must be a time with its unit (ms, s, m, h), 1s to "
	    "600s");
	refused("\n\ncolour = red\n",
	    "x:3: unknown key colour; here are allowed: listen state_dir");
	refused("arn = " ARN, "x:1: arn belongs in an [agent NAME] section");
	refused("[agent a]\nlisten = tcp:a:1",
	    "x:2: listen belongs before the first section");
	refused("mount = /a\nmount = /a\n", "x:2: mount is set twice");
	refused(AGENT AGENT, "x:3: a second section [agent default]");
	refused("[agent default] x\n", "x:1: only a comment may follow");
	refused("[agent default\n", "x:1: a section title ends with ]");
	refused("\n[default]\n", "x:2: a section is [agent NAME]");
	refused("[agent]\n", "x:1: a section is [agent NAME]");
	refused("[agent a b]\n", "x:1: a section is [agent NAME]");
	refused("[agentdefault]\n", "x:1: a section is [agent NAME]");
	refused("# \nkeepalive 15s\n" AGENT, "x:2: expected KEY = VALUE");
	refused(AGENT "qualifier\n", "x:3: expected KEY = VALUE");
	refused("= 3\n", "x:1: unknown key ;");
	refused("mount = /a\x01\n", "x:1: a control character");
	refused("mount = /a\xff\n", "x:1: not UTF-8");
	memset(longer, 'x', sizeof longer);
	longer[sizeof longer - 1] = '\0';
	refused(longer, "x:1: the line is too long");
	longer[400] = '\0';
	refused(longer, "x:1: expected KEY = VALUE");
	memcpy(longer, "system =", 8);
	longer[400] = 'x';
	longer[8000] = '\0';
	refused(longer, "x:1: system belongs in");
	memcpy(longer, "default_prompt =", 16);
	refused(longer, "x:1: default_prompt must be at most 4,096 bytes");
	refused("max_prompt = 2M\n" AGENT, "x: max_prompt must not be above");
	refused("", "x: no agent is configured: set AGENT_RUNTIME_ARN");
}

TEST(values_have_their_ranges)
{
	static const char *const good[] = {"keepalive = 1s", "keepalive = 10m",
	    "keepalive = 1500ms", "header_wait = 0", "header_wait = 0s",
	    "drain_timeout = 1h", "max_streams = 1000000", "max_body = 100M",
	    "max_body = 65536", "max_prompt = 1", "rate = off", "rate = 5/h",
	    "rate = 1000000/s", "streams_per_user = off", "incremental = no",
	    "log_level = debug", "session_policy = open",
	    "listen = tcp:127.0.0.1:9000", "listen = tcp:[::1]:9000",
	    "store = redis://localhost:6379/0", "mount = /a/b", "mount =",
	    "allow_origin = https://a.example http://[::1]:80 app://x"};
	static const char *const bad[] = {"keepalive = 999ms",
	    "keepalive = 601s", "keepalive = 1d", "keepalive = 15",
	    "keepalive = -1s", "keepalive = 1.5s", "keepalive = 1 s",
	    "keepalive =", "keepalive = 0", "header_wait = 61s",
	    "keepalive = 18446744073709551616ms", "max_streams = 0",
	    "max_streams = 1000001", "max_body = 1023", "max_body = 101M",
	    "max_prompt = 0", "max_body = 1G", "rate = 0/s", "rate = 5",
	    "rate = 5/d", "rate = 0", "streams_per_user = 0", "rate = /m",
	    "incremental = true", "log_level = INFO", "listen = unix:x",
	    "listen = tcp:a:0", "listen = tcp:a:65536", "listen = tcp::80",
	    "listen =", "listen = tcp:::1:80", "state_dir = x",
	    "store = redis://localhost:6379", "mount = /", "mount = /a/",
	    "mount = a", "mount = /a?b", "ca_file = a",
	    "allow_origin = https://a.example/", "allow_origin = *",
	    "allow_origin = https://A.example", "allow_origin = a.example"};

	all_taken(true, true, good, sizeof good / sizeof good[0]);
	all_taken(true, false, bad, sizeof bad / sizeof bad[0]);
}

TEST(agents_have_their_values)
{
	static const char *const good[] = {"qualifier = v 1",
	    "region = us-west-2", "endpoint = http://127.0.0.1:18091/base/",
	    "endpoint = https://[::1]", "connect_timeout = 100ms",
	    "total_timeout = 24h", "resume_window = 0", "backend = agentcore",
	    "service = bedrock-agentcore", "profile = my profile",
	    "auth = bearer", "api_key_file = /a b",
	    "api_key_file =", "url = https://h/p?a=b&c=%20/?",
	    "url = http://[::1]:1?q", "model = a.b-c_d:0",
	    "model = arn:aws:bedrock:r:1:x/y", "max_tokens = 1",
	    "max_tokens = 1000000", "max_tokens = off", "temperature = 0",
	    "temperature = 1", "temperature = 1.00",
	    "temperature = 0.123456789", "top_p = 0.0", "top_p =", "stop = a",
	    "stop = a b , END", "stop = 1,2,3,4,5,6,7,8,9,a,b,c,d,e,f,g",
	    "guardrail = abc123", "guardrail_version = 1",
	    "guardrail = arn:aws:bedrock:r:1:guardrail/a",
	    "guardrail_version = 99999999", "guardrail_version = DRAFT"};
	static const char *const bad[] = {"qualifier =", "region = us-west-1",
	    "region = -x", "region = a.b", "region = US", "endpoint = ftp://a",
	    "endpoint = https://", "endpoint = https://u@h",
	    "endpoint = https://h?q", "endpoint = https://h#f",
	    "endpoint = https://a b", "endpoint = https://h:0",
	    "endpoint = https://h:65536", "endpoint = https://[::1",
	    "endpoint = https://[::1]x", "connect_timeout = 99ms",
	    "total_timeout = 25h", "backend = x", "auth = x", "events = x",
	    "backend = http", "backend = bedrock", "service = a/b",
	    "service = execute-api", "auth = none", "auth = api_key",
	    "api_key_file = a", "url = h", "url = https://u@h/",
	    "url = https://h/#f", "url = https://h?a b", "url = https://h/p?#",
	    "url = https://?q", "url = ftp://h", "model = a b", "model = a?b",
	    "max_tokens = 0", "max_tokens = 1000001",
	    "max_tokens =", "temperature = .5", "temperature = 1.",
	    "temperature = 0.", "temperature = 1.01", "temperature = 2",
	    "temperature = 00.5", "temperature = -0", "temperature = 1e0",
	    "temperature = 0.5.1", "temperature = 0,5", "top_p = x",
	    "top_p = .", "top_p = 0.00000000000000001", "stop = ,", "stop = a,",
	    "stop = a,,b", "stop = a, ,b", "stop = ,a",
	    "stop = 1,2,3,4,5,6,7,8,9,a,b,c,d,e,f,g,h", "guardrail = a b",
	    "guardrail_version =", "guardrail_version = 0",
	    "guardrail_version = 100000000", "guardrail_version = draft"};

	all_taken(false, true, good, sizeof good / sizeof good[0]);
	all_taken(false, false, bad, sizeof bad / sizeof bad[0]);
}

TEST(an_arn_is_one)
{
	static const char *const bad[] = {"x", "arn:aws",
	    "arn:aws2:bedrock-agentcore:r:123456789012:runtime/x",
	    "arn:aws-:bedrock-agentcore:r:123456789012:runtime/x",
	    "arn:aws:bedrock:r:123456789012:runtime/x",
	    "arn:aws:bedrock-agentcore::123456789012:runtime/x",
	    "arn:aws:bedrock-agentcore:r.evil:123456789012:runtime/x",
	    "arn:aws:bedrock-agentcore:r:12345678901:runtime/x",
	    "arn:aws:bedrock-agentcore:r:12345678901a:runtime/x",
	    "arn:aws:bedrock-agentcore:r:123456789012:runtime/",
	    "arn:aws:bedrock-agentcore:r:123456789012:gateway/x",
	    "arn:aws:bedrock-agentcore:r:123456789012:runtime/x?y"};
	char text[256];

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		(void)snprintf(
		    text, sizeof text, "[agent default]\narn = %s\n", bad[i]);
		refused(text, "x:2: arn must be the ARN of an AgentCore");
	}
}

TEST(each_partition_has_its_suffix)
{
	static const char *const rows[][2] = {
	    {"us-gov-west-1", "amazonaws.com"},
	    {"cn-north-1", "amazonaws.com.cn"},
	    {"eusc-de-east-1", "amazonaws.eu"}, {"us-iso-east-1", "c2s.ic.gov"},
	    {"us-isob-east-1", "sc2s.sgov.gov"},
	    {"eu-isoe-west-1", "cloud.adc-e.uk"},
	    {"us-isof-south-1", "csp.hci.ic.gov"},
	    {"ap-northeast-1", "amazonaws.com"}};
	char text[256], wanted[256];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct config *c;

		(void)snprintf(text, sizeof text,
		    "[agent default]\narn=arn:aws-x:bedrock-agentcore:%s:"
		    "123456789012:runtime/x\n",
		    rows[i][0]);
		(void)snprintf(wanted, sizeof wanted,
		    "https://bedrock-agentcore.%s.%s", rows[i][0], rows[i][1]);
		c = parse(text);
		CHECK_SLICE(
		    slice_from(c->agents->endpoint), slice_from(wanted));
		config_unref(c);
	}
}

static void endpoint_is(const char *text, const char *wanted)
{
	struct config *c = parse(text);

	CHECK_SLICE(slice_from(c->agents->endpoint), slice_from(wanted));
	config_unref(c);
}

TEST(the_endpoint_comes_from_the_first_that_says)
{
	env_all = "http://all/";
	endpoint_is(AGENT, "http://all");
	env_service = "http://service:81/base//";
	endpoint_is(AGENT, "http://service:81/base");
	endpoint_is(AGENT "endpoint = https://own/\n", "https://own");
	env_ignore = "true";
	endpoint_is(AGENT, "https://bedrock-agentcore.us-west-2.amazonaws.com");
	env_ignore = "false";
	env_service = "service";
	refused(AGENT, "x:1: AWS_ENDPOINT_URL_BEDROCK_AGENTCORE in the env");
	env_service = env_all = env_ignore = NULL;
}

static void state_is_in(const char *text, const char *wanted)
{
	struct config *c = parse(text);

	CHECK_SLICE(slice_from(c->state_dir), slice_from(wanted));
	config_unref(c);
}

TEST(systemd_says_where_the_state_is_but_the_file_has_the_last_word)
{
	state_is_in(AGENT, "/var/lib/agentcgi");
	env_state = "/var/lib/agentcgi-shop:/var/lib/more";
	state_is_in(AGENT, "/var/lib/agentcgi-shop");
	state_is_in("state_dir = /srv/state\n" AGENT, "/srv/state");
	env_state = "not/absolute";
	state_is_in(AGENT, "/var/lib/agentcgi");
	env_state = NULL;
}

#define MODEL(text) "[agent m]\nbackend = bedrock\nmodel = m\n" text
#define PROFILE_ARN "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/x"

static void model_is_at(
    const char *text, const char *region, const char *endpoint)
{
	struct config *c = parse(text);

	CHECK_SLICE(slice_from(c->agents->region), slice_from(region));
	CHECK_SLICE(slice_from(c->agents->endpoint), slice_from(endpoint));
	CHECK_SLICE(slice_from(c->agents->service), SLICE("bedrock"));
	config_unref(c);
}

TEST(the_region_of_a_model_comes_from_the_first_that_says)
{
	static const char own[] =
	    "[agent m]\nbackend = bedrock\nmodel = " PROFILE_ARN "\n";

	refused("\n" MODEL(""), "x:2: [agent m] needs region = the AWS region");
	refused("[agent m]\nbackend = bedrock\n", "x:1: [agent m] needs model");
	model_is_at(own, "eu-west-1",
	    "https://bedrock-runtime.eu-west-1.amazonaws.com");
	env_default_region = "cn-north-1";
	model_is_at(MODEL(""), "cn-north-1",
	    "https://bedrock-runtime.cn-north-1.amazonaws.com.cn");
	env_region = "us-east-1";
	model_is_at(MODEL(""), "us-east-1",
	    "https://bedrock-runtime.us-east-1.amazonaws.com");
	model_is_at(MODEL("region = sa-east-1\n"), "sa-east-1",
	    "https://bedrock-runtime.sa-east-1.amazonaws.com");
	model_is_at(own, "eu-west-1",
	    "https://bedrock-runtime.eu-west-1.amazonaws.com");
	refused("[agent m]\nbackend = bedrock\nregion = us-east-1\n"
		"model = " PROFILE_ARN "\n",
	    "x:1: [agent m] would ask region us-east-1, but its model is of "
	    "eu-west-1: set region = eu-west-1");
	env_region = "US";
	refused(MODEL(""), "x:1: AWS_REGION in the environment must be a reg");
	env_region = env_default_region = NULL;
	refused("[agent m]\nbackend = bedrock\nmodel = arn:aws:bedrock:::x\n",
	    "x:1: [agent m] needs region");
	refused("[agent m]\nbackend = bedrock\nmodel = arn:aws:b:A.b:x\n",
	    "x:1: [agent m] needs region");
}

TEST(a_model_has_its_endpoint_and_its_auth)
{
	env_region = "us-east-1";
	env_service = "http://agentcore/";
	env_all = "http://all/";
	model_is_at(MODEL(""), "us-east-1", "http://all");
	env_bedrock = "http://bedrock/b/";
	model_is_at(MODEL(""), "us-east-1", "http://bedrock/b");
	model_is_at(
	    MODEL("endpoint = http://own\n"), "us-east-1", "http://own");
	env_bedrock = "x";
	refused(MODEL(""), "x:1: AWS_ENDPOINT_URL_BEDROCK_RUNTIME in the env");
	env_bedrock = env_all = env_service = NULL;
	refused(MODEL("auth = bearer\n"),
	    "x:1: [agent m] has auth = bearer, which backend = bedrock does "
	    "not take: set auth = sigv4 or api_key");
	refused(MODEL("auth = none\n"), "x:1: [agent m] has auth = none");
	refused(MODEL("auth = api_key\n"),
	    "x:1: [agent m] has auth = api_key and needs api_key_file");
	refused(MODEL("service = lambda\n"),
	    "x:1: [agent m] has service = lambda, but its backend is bedrock");
	model_is_at(MODEL("auth = api_key\napi_key_file = /k\n"), "us-east-1",
	    "https://bedrock-runtime.us-east-1.amazonaws.com");
	env_region = NULL;
	refused(AGENT "auth = none\n",
	    "x:1: [agent default] has auth = none, which backend = agentcore "
	    "does not take: set auth = sigv4 or bearer");
}

TEST(a_url_tells_what_to_sign_for)
{
	static const char *const rows[][3] = {
	    {"https://a1.execute-api.us-east-1.amazonaws.com/v1/x?y",
		"us-east-1", "execute-api"},
	    {"https://a1.execute-api.cn-north-1.amazonaws.com.cn", "cn-north-1",
		"execute-api"},
	    {"https://x1.lambda-url.eu-west-1.on.aws?q", "eu-west-1", "lambda"},
	    {"https://g-1.gateway.bedrock-agentcore.us-west-2.amazonaws.com:443"
	     "/t/invocations",
		"us-west-2", "bedrock-agentcore"},
	    {"https://bedrock-agentcore.us-west-2.amazonaws.com/x", "us-west-2",
		"bedrock-agentcore"}};
	char text[400];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct config *c;

		(void)snprintf(text, sizeof text,
		    "[agent r]\nbackend = http\nurl = %s\n", rows[i][0]);
		c = parse(text);
		CHECK_SLICE(slice_from(c->agents->url), slice_from(rows[i][0]));
		CHECK_SLICE(
		    slice_from(c->agents->region), slice_from(rows[i][1]));
		CHECK_SLICE(
		    slice_from(c->agents->service), slice_from(rows[i][2]));
		config_unref(c);
		(void)snprintf(text, sizeof text,
		    "[agent r]\nbackend = http\nurl = %s\nservice = own\n"
		    "region = %s\n",
		    rows[i][0], rows[i][1]);
		c = parse(text);
		CHECK_SLICE(slice_from(c->agents->service), SLICE("own"));
		config_unref(c);
	}
	refused("[agent r]\nbackend = http\nregion = us-east-1\n"
		"url = https://x.lambda-url.eu-west-1.on.aws/\n",
	    "x:1: [agent r] has region = us-east-1, but its url is of "
	    "eu-west-1: leave region out");
}

TEST(a_url_of_others_does_not)
{
	static const char *const urls[] = {"https://h/", "http://127.0.0.1:1/x",
	    "https://[::1]/", "https://.execute-api.us-east-1.amazonaws.com/",
	    "https://a.execute-api.us-east-1.amazonaws.com.example/",
	    "https://a.execute-api.us-east-1.amazonaws.com.cn/",
	    "https://a.execute-api.cn-north-1.amazonaws.com/",
	    "https://a.execute-api.US.amazonaws.com/",
	    "https://a.execute-api..amazonaws.com/",
	    "https://a.lambda-url.us-east-1.amazonaws.com/",
	    "https://a.bedrock-agentcore.us-east-1.amazonaws.com/",
	    "https://h/a.execute-api.us-east-1.amazonaws.com",
	    "https://h?a.execute-api.us-east-1.amazonaws.com"};
	static const char *const enough[] = {"service = s\nregion = us-east-1",
	    "auth = none", "auth = bearer",
	    "auth = api_key\napi_key_file = /k"};
	char text[400];

	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		(void)snprintf(text, sizeof text,
		    "[agent r]\nbackend = http\nurl = %s\n", urls[i]);
		refused(text,
		    "x:1: [agent r] signs its requests, but its url does not "
		    "tell for which service and region: set service and");
	}
	for (size_t i = 0; i < sizeof enough / sizeof enough[0]; i++) {
		(void)snprintf(text, sizeof text,
		    "[agent r]\nbackend = http\nurl = http://h\n%s\n",
		    enough[i]);
		config_unref(parse(text));
	}
	refused("[agent r]\nbackend=http\nurl=http://h\nservice=s\n",
	    "x:1: [agent r] signs");
	refused("[agent r]\nbackend=http\nurl=http://h\nregion=us-east-1\n",
	    "x:1: [agent r] signs");
	refused("[agent r]\nbackend=http\nurl=http://h\nauth=api_key\n",
	    "x:1: [agent r] has auth = api_key and needs api_key_file");
	refused("[agent r]\nbackend = http\n", "x:1: [agent r] needs url");
}

TEST(the_environment_alone_is_enough)
{
	struct config *c;
	struct config_error error;

	env_arn = ARN;
	CHECK(config_load(NULL, env, &c, &error) == STATUS_OK);
	CHECK(c != NULL && strcmp(c->agents->arn, ARN) == 0);
	CHECK(c != NULL && c->path[0] == '\0');
	config_unref(c);
	c = parse("[agent default]\nqualifier = live\n");
	CHECK(strcmp(c->agents->arn, ARN) == 0);
	config_unref(c);
	c = parse("[agent a]\narn = " ARN "\n");
	CHECK(config_agent(c, (struct slice){0}) != NULL);
	config_unref(c);
	refused("[agent a]\n", "x:1: [agent a] needs arn");
	env_arn = "nonsense";
	refused("", "x: AGENT_RUNTIME_ARN in the environment must be the ARN");
	env_arn = NULL;
	refused("\n[agent default]", "x:2: [agent default] needs arn");
	CHECK(config_load(NULL, env, &c, &error) == STATUS_NOT_CONFIGURED);
	CHECK(slice_find(slice_from(error.text),
		  SLICE("/etc/agentcgi/agentcgi.conf")) < strlen(error.text));
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	CHECK(file != NULL);
	if (file == NULL)
		return;
	(void)fputs(text, file);
	(void)fclose(file);
	CHECK(chmod(path, mode) == 0);
}

TEST(a_file_is_read_if_only_its_owner_could_write_it)
{
	char dir[] = P_tmpdir "/config_testXXXXXX", path[64];
	struct config *c;
	struct config_error error;

	CHECK(mkdtemp(dir) != NULL);
	(void)snprintf(path, sizeof path, "%s/a.conf", dir);
	CHECK(config_load(path, env, &c, &error) == STATUS_NOT_CONFIGURED);
	CHECK(slice_ends(
	    slice_from(error.text), SLICE("No such file or directory")));
	CHECK(config_load(dir, env, &c, &error) == STATUS_NOT_CONFIGURED);
	CHECK(slice_ends(slice_from(error.text), SLICE("Is a directory")));
	write_file(path, AGENT, 0600);
	CHECK(config_load(path, env, &c, &error) == STATUS_OK);
	CHECK(c != NULL && strcmp(c->path, path) == 0);
	config_unref(c);
	CHECK(chmod(path, 0602) == 0);
	CHECK(config_load(path, env, &c, &error) == STATUS_NOT_CONFIGURED);
	CHECK(slice_find(slice_from(error.text), SLICE("chmod o-w")) <
	    strlen(error.text));
	CHECK(truncate(path, 1048577) == 0 && chmod(path, 0600) == 0);
	CHECK(config_load(path, env, &c, &error) == STATUS_NOT_CONFIGURED);
	CHECK(slice_ends(slice_from(error.text), SLICE("more than 1 MB")));
	CHECK(unlink(path) == 0 && rmdir(dir) == 0);
}

TEST(a_dump_loads_to_the_same)
{
	struct config *c = parse(
	    "keepalive = 2m\nmax_body = 3000\nrate = 9/h\n"
	    "header_wait = 1500ms\nstreams_per_user = off\nmax_prompt=2K\n"
	    "default_prompt = a  b\n" AGENT
	    "[agent r]\nbackend = http\nurl = http://a/?b\nauth = none\n"
	    "[agent s]\nbackend = http\nurl = "
	    "https://a.lambda-url.us-east-1.on.aws/\n"
	    "[agent m]\nbackend = bedrock\nmodel = " PROFILE_ARN "\n"
	    "max_tokens = 5\ntemperature = 0.7\ntop_p = 1\nstop = a, b\n"
	    "system = s\nguardrail = g\nguardrail_version = 2\n"
	    "auth = api_key\napi_key_file = /k\n");
	struct buf first, second;
	struct config *again;

	buf_init(&first, 65536);
	buf_init(&second, 65536);
	config_dump(c, &first);
	CHECK(buf_text(&first) != NULL);
	again = parse(first.ptr);
	config_dump(again, &second);
	CHECK_SLICE(buf_slice(&first), buf_slice(&second));
	CHECK(strstr(first.ptr, "keepalive = 120s\n") != NULL);
	CHECK(strstr(first.ptr, "max_body = 3000\n") != NULL);
	CHECK(strstr(first.ptr, "rate = 9/h\n") != NULL);
	CHECK(strstr(first.ptr, "\n[agent r]\nbackend = http\n") != NULL);
	CHECK(strstr(first.ptr, "max_tokens = off\n") != NULL);
	CHECK(strstr(first.ptr, "max_tokens = 5\n") != NULL);
	CHECK(strstr(first.ptr, "stop = a, b\n") != NULL);
	CHECK(strstr(first.ptr, "guardrail_version = 2\n") != NULL);
	config_unref(c);
	config_unref(again);
	buf_free(&first);
	buf_free(&second);
}

TEST(what_has_to_wait_is_listed)
{
	struct config *c =
	    parse("store = files\nrate = off\nmount = /a\nstate_dir = /a\n"
		  "session_policy = signed\n" AGENT "resume_window = 60000ms\n"
		  "auth = bearer\n"
		  "[agent r]\nbackend = bedrock\nmodel = m\nregion = r\n"
		  "auth = api_key\napi_key_file = /k\nevents = normalised\n");
	struct buf out;

	buf_init(&out, 4096);
	config_unsupported(c, &out);
	CHECK_SLICE(buf_slice(&out), SLICE("rate\n[agent r] events\n"));
	config_unref(c);
	buf_clear(&out);
	/* Each default is written as a dump writes it. */
	c = parse(AGENT);
	config_unsupported(c, &out);
	CHECK(out.len == 0);
	config_unref(c);
	buf_free(&out);
}

TEST(the_last_to_let_go_frees)
{
	struct config *c = parse(AGENT);

	CHECK(config_ref(c) == c);
	config_unref(c);
	CHECK(strcmp(c->agents->arn, ARN) == 0);
	config_unref(c);
	config_unref(NULL);
}

TEST(without_memory_it_says_so_and_leaks_nothing)
{
	char path[] = P_tmpdir "/config_testXXXXXX";
	int fd = mkstemp(path);
	struct config *c;
	struct config_error error;
	enum status status = STATUS_OK;

	CHECK(fd >= 0 && close(fd) == 0);
	write_file(path,
	    "mount = /a\n" AGENT "[agent s]\nbackend = http\nurl = "
	    "https://a.lambda-url.us-east-1.on.aws/\n"
	    "[agent m]\nbackend = bedrock\nmodel = " PROFILE_ARN "\n",
	    0600);
	for (size_t n = 0; n < 1000; n++) {
		alloc_fail_at(n);
		status = config_load(path, env, &c, &error);
		if (!alloc_failed())
			break;
		CHECK(status == STATUS_NO_MEMORY && c == NULL);
	}
	CHECK(status == STATUS_OK && c != NULL);
	config_unref(c);
	CHECK(unlink(path) == 0);
}

int main(void)
{
	return tap_run();
}
