#include "../../src/xml.h"

#include <stdlib.h>

#include "../../src/buf.h"
#include "alloc.h"
#include "tap.h"

#define XMLNS "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\""
#define CREDENTIALS                                             \
	"    <Credentials>\n"                                   \
	"      <AccessKeyId>ASIAEXAMPLE</AccessKeyId>\n"        \
	"      <SecretAccessKey>a/b+c=</SecretAccessKey>\n"     \
	"      <SessionToken>t0/ken==</SessionToken>\n"         \
	"      <Expiration>2030-01-01T00:00:00Z</Expiration>\n" \
	"    </Credentials>\n"
#define METADATA                                              \
	"  <ResponseMetadata>\n"                              \
	"    <RequestId>11111111-2222-3333-4444-555555555555" \
	"</RequestId>\n"                                      \
	"  </ResponseMetadata>\n"

static const char assume_role[] =
    "<AssumeRoleResponse " XMLNS ">\n"
    "  <AssumeRoleResult>\n"
    "    <AssumedRoleUser>\n"
    "      <AssumedRoleId>AROAEXAMPLE:agentcgi</AssumedRoleId>\n"
    "      <Arn>arn:aws:sts::123456789012:assumed-role/r/agentcgi</Arn>\n"
    "    </AssumedRoleUser>\n" CREDENTIALS
    "    <PackedPolicySize>6</PackedPolicySize>\n"
    "  </AssumeRoleResult>\n" METADATA "</AssumeRoleResponse>\n";

static const char web_identity[] =
    "<AssumeRoleWithWebIdentityResponse " XMLNS ">\n"
    "  <AssumeRoleWithWebIdentityResult>\n"
    "    <Audience>sts.amazonaws.com</Audience>\n"
    "    <AssumedRoleUser><AssumedRoleId>AROAEXAMPLE:x</AssumedRoleId>"
    "<Arn>arn:aws:sts::123456789012:assumed-role/r/x</Arn>"
    "</AssumedRoleUser>\n"
    "    <Provider>accounts.example</Provider>\n" CREDENTIALS
    "  </AssumeRoleWithWebIdentityResult>\n" METADATA
    "</AssumeRoleWithWebIdentityResponse>";

static const char caller[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
    "<GetCallerIdentityResponse " XMLNS "><GetCallerIdentityResult>"
    "<Arn>arn:aws:iam::123456789012:user/x</Arn><UserId>AIDAEXAMPLE</UserId>"
    "<Account>123456789012</Account></GetCallerIdentityResult>" METADATA
    "</GetCallerIdentityResponse>";

static const char error[] =
    "<ErrorResponse " XMLNS ">\n"
    "  <Error>\n"
    "    <Type>Sender</Type>\n"
    "    <Code>AccessDenied</Code>\n"
    "    <Message>User &lt;x&gt; is not &quot;authorized&quot; &amp; &apos;"
    "so&apos; &#8212; &#x1F600;</Message>\n"
    "  </Error>\n"
    "  <RequestId>11111111-2222-3333-4444-555555555555</RequestId>\n"
    "</ErrorResponse>\n";

static enum status find(
    struct buf *out, struct slice document, const char *path)
{
	buf_init(out, 1000);
	return xml_find(out, document, path);
}

static void check(const char *document, const char *path, const char *wanted)
{
	struct buf out;

	CHECK(find(&out, slice_from(document), path) == STATUS_OK);
	CHECK_SLICE(buf_slice(&out), slice_from(wanted));
	buf_free(&out);
}

static void check_not(
    struct slice document, const char *path, enum status wanted)
{
	struct buf out;
	enum status status = find(&out, document, path);

	CHECK(status == wanted && out.len == 0);
	if (status != wanted)
		printf("# %.*s: %s\n", SLICE_ARG(document), path);
	buf_free(&out);
}

static void check_missing(const char *document, const char *path)
{
	check_not(slice_from(document), path, STATUS_NOT_FOUND);
}

static void check_broken(const char *document)
{
	check_not(slice_from(document), "a/z", STATUS_UPSTREAM_ERROR);
}

#define ROLE "AssumeRoleResponse/AssumeRoleResult/Credentials/"
#define TOKEN                                \
	"AssumeRoleWithWebIdentityResponse/" \
	"AssumeRoleWithWebIdentityResult/Credentials/"

TEST(reads_assume_role)
{
	check(assume_role, ROLE "AccessKeyId", "ASIAEXAMPLE");
	check(assume_role, ROLE "SecretAccessKey", "a/b+c=");
	check(assume_role, ROLE "SessionToken", "t0/ken==");
	check(assume_role, ROLE "Expiration", "2030-01-01T00:00:00Z");
	check(assume_role,
	    "AssumeRoleResponse/AssumeRoleResult/"
	    "PackedPolicySize",
	    "6");
	check_missing(assume_role, ROLE "Expires");
	check_missing(assume_role, TOKEN "Expiration");
}

TEST(reads_assume_role_with_web_identity)
{
	check(web_identity, TOKEN "AccessKeyId", "ASIAEXAMPLE");
	check(web_identity, TOKEN "SecretAccessKey", "a/b+c=");
	check(web_identity, TOKEN "SessionToken", "t0/ken==");
	check(web_identity, TOKEN "Expiration", "2030-01-01T00:00:00Z");
}

TEST(reads_get_caller_identity)
{
	check(caller, "GetCallerIdentityResponse/GetCallerIdentityResult/Arn",
	    "arn:aws:iam::123456789012:user/x");
	check(caller, "GetCallerIdentityResponse/ResponseMetadata/RequestId",
	    "11111111-2222-3333-4444-555555555555");
}

TEST(reads_an_error)
{
	check(error, "ErrorResponse/Error/Code", "AccessDenied");
	check(error, "ErrorResponse/Error/Message",
	    "User <x> is not \"authorized\" & 'so' \xe2\x80\x94 "
	    "\xf0\x9f\x98\x80");
	check_missing(error, "ErrorResponse/Code");
	check_missing(error, "Error/Code");
	check_missing(error, "ErrorResponse/Error/RequestId");
}

TEST(finds_by_the_whole_path)
{
	check("<a><b><c>1</c></b><c>2</c></a>", "a/c", "2");
	check("<a><x><b>1</b></x><b>2</b></a>", "a/b", "2");
	check("<a><b><b>1</b></b></a>", "a/b/b", "1");
	check("<a><b><c/></b><b><z>2</z></b><b><z>3</z></b></a>", "a/b/z", "2");
	check("<a><b>1</b><b>2</b></a>", "a/b", "1");
	check("<a>1</a>", "a", "1");
	check("<a:b xmlns:a='x'>1</a:b>", "a:b", "1");
	check_missing("<a><b>1</b></a>", "b");
	check_missing("<a><b>1</b></a>", "a/B");
	check_missing("<a><b>1</b></a>", "a/bb");
	check_missing("<a><bb>1</bb></a>", "a/b");
	check_missing("<a><n:b>1</n:b></a>", "a/b");
	check_missing("<a/>", "a/b");
	check_missing("<a/>", "");
}

TEST(takes_the_text_of_the_element_alone)
{
	check("<a> 1 <b>2</b>\n3 </a>", "a", " 1 \n3 ");
	check("<a><b></b></a>", "a/b", "");
	check("<a><b/></a>", "a/b", "");
	check("<a><b /></a>", "a/b", "");
	check("<a>1<!-- 2 --><?p 3?>4</a>", "a", "14");
	check("<a>1<![CDATA[<b>&amp;]]]>2<![CDATA[]]></a>", "a", "1<b>&amp;]2");
	check("<a>\xc3\xa4</a>", "a", "\xc3\xa4");
}

TEST(appends)
{
	struct buf out;

	buf_init(&out, 100);
	buf_add_text(&out, "x");
	CHECK(xml_find(&out, SLICE("<a>1</a>"), "a") == STATUS_OK);
	CHECK(xml_find(&out, SLICE("<a>1</a>"), "b") == STATUS_NOT_FOUND);
	CHECK(xml_find(&out, SLICE("<a>23"), "a") == STATUS_UPSTREAM_ERROR);
	CHECK_SLICE(buf_slice(&out), SLICE("x1"));
	buf_free(&out);
}

TEST(skips_attributes)
{
	check(
	    "<a x='1' y = \"2\"\n z:z='/>'><b q='\"'>3</b ></a >", "a/b", "3");
	check("<a x='1'/>", "a", "");
	check_broken("<a x><z/></a>");
	check_broken("<a x=1><z/></a>");
	check_broken("<a x='1><z/></a>");
	check_broken("<a x=\"1><z/></a>");
	check_broken("<a x='<'><z/></a>");
	check_broken("<a x='1'y='2'><z/></a>");
	check_broken("<a 1='1'><z/></a>");
	check_broken("<a ='1'><z/></a>");
	check_broken("<a></a x='1'>");
}

TEST(skips_what_stands_around_the_root)
{
	check("\xef\xbb\xbf<?xml version='1.0'?>\n<!-- <a> -->\n<a>1</a>", "a",
	    "1");
	check_missing("\n<a></a>\n<!-- x --><?x ?>\n", "a/b");
	check_broken("x<a><z/></a>");
	check_broken("&amp;<a><z/></a>");
	check_broken("<![CDATA[x]]><a><z/></a>");
	check_broken("<a></a>x");
	check_broken("<a></a><a><z/></a>");
	check_broken("</a>");
	check_broken("");
	check_broken(" ");
	check_broken("<!-- x -->");
}

TEST(decodes_characters)
{
	check("<a>&#65;&#x41;&#x0000041;&#9;</a>", "a", "AAA\t");
	check("<a>&#x7f;&#x80;&#x7ff;</a>", "a", "\x7f\xc2\x80\xdf\xbf");
	check("<a>&#x800;&#xD7FF;&#xe000;&#65533;</a>", "a",
	    "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd");
	check("<a>&#x10000;&#x10FfFf;</a>", "a",
	    "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
}

TEST(refuses_references_to_nothing)
{
	static const char *const references[] = {"&", "&;", "&#;", "&#x;",
	    "&x;", "&AMP;", "&amp", "& amp;", "&#0;", "&#x0;", "&#8;",
	    "&#xd800;", "&#xdfff;", "&#xfffe;", "&#x110000;", "&#1114112;",
	    "&#-1;", "&#x-1;", "&#xg;", "&#1a;", "&#99999999999999;",
	    "&#x100000000041;", "&#00000000000000065;", "&#X41;", "&nbsp;"};
	char text[64];

	for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
		(void)snprintf(
		    text, sizeof text, "<a>%s<z/></a>", references[i]);
		check_broken(text);
	}
}

TEST(refuses_what_is_not_well_formed)
{
	static const char *const texts[] = {"<a><b></a>", "<a></b></a>",
	    "<a><b></a></b>", "< a><z/></a>", "<a></ a>", "<1><z/></1>",
	    "<><z/></>", "<a/ ><z/>", "<a><!x><z/></a>",
	    "<!DOCTYPE a><a><z/></a>", "<a><!DOCTYPE z></a>",
	    "<a><!-- -- --><z/></a>", "<a><!-- --->", "<a><!-->",
	    "<a><?\?><z/></a>", "<a><? x?><z/></a>", "<a>\x01<z/></a>",
	    "<a><![CDATA[\x01]]><z/></a>", "<a><![CDATA[]></a>",
	    "<a><![cdata[]]><z/></a>", "<a", "<a>", "<", "<?", "<!--"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		check_broken(texts[i]);
	check_not(SLICE("<a>\0<z/></a>"), "a/z", STATUS_UPSTREAM_ERROR);
	check_not(SLICE("<a\0><z/></a>"), "a/z", STATUS_UPSTREAM_ERROR);
	check_not((struct slice){0}, "a/z", STATUS_UPSTREAM_ERROR);
}

TEST(reads_no_further_than_it_must)
{
	check("<a><b>1</b><<<", "a/b", "1");
}

TEST(limits_depth)
{
	struct buf text;

	buf_init(&text, 1000);
	for (int extra = 0; extra <= 1; extra++) {
		buf_clear(&text);
		for (int i = 0; i < XML_MAX_DEPTH + extra; i++)
			buf_add_text(&text, "<d>");
		for (int i = 0; i < XML_MAX_DEPTH + extra; i++)
			buf_add_text(&text, "</d>");
		check_not(buf_slice(&text), "d/x",
		    extra ? STATUS_UPSTREAM_ERROR : STATUS_NOT_FOUND);
	}
	buf_free(&text);
}

/* Up to the end of the element nothing is found; from there on, all of it.
 * Blocks of just the size, so that a sanitizer sees a read behind them. */
static void check_cuts(const char *document, const char *path)
{
	struct slice whole = slice_from(document), last = slice_from(path);
	struct buf wanted;
	char end[64];
	size_t enough;

	while (slice_find(last, SLICE("/")) < last.len)
		(void)slice_cut(&last, '/');
	(void)snprintf(end, sizeof end, "</%.*s>", SLICE_ARG(last));
	enough = slice_find(whole, slice_from(end)) + strlen(end);
	CHECK(find(&wanted, whole, path) == STATUS_OK);
	for (size_t n = 0; n < whole.len; n++) {
		char *part = malloc(n + !n);
		struct buf out;
		enum status status;

		if (part == NULL)
			abort();
		memcpy(part, whole.ptr, n);
		status =
		    find(&out, (struct slice){.ptr = part, .len = n}, path);
		CHECK(
		    status == (n < enough ? STATUS_UPSTREAM_ERROR : STATUS_OK));
		CHECK_SLICE(buf_slice(&out),
		    n < enough ? (struct slice){0} : buf_slice(&wanted));
		buf_free(&out);
		free(part);
	}
	buf_free(&wanted);
}

TEST(no_truncation_is_taken_for_the_whole)
{
	check_cuts(assume_role, ROLE "SessionToken");
	check_cuts(web_identity, TOKEN "Expiration");
	check_cuts(
	    caller, "GetCallerIdentityResponse/GetCallerIdentityResult/Arn");
	check_cuts(error, "ErrorResponse/Error/Message");
	check_cuts("<?xml version='1.0'?><!-- x --><a b='c'><![CDATA[x]]><b/>"
		   "&#x41;</a>",
	    "a");
}

TEST(says_if_the_buffer_is_full)
{
	struct buf out;

	buf_init(&out, 3);
	CHECK(xml_find(&out, SLICE("<a>1234</a>"), "a") == STATUS_TOO_LARGE);
	buf_free(&out);
	buf_init(&out, 100);
	alloc_fail_at(0);
	CHECK(xml_find(&out, SLICE("<a>1234</a>"), "a") == STATUS_NO_MEMORY);
	CHECK(alloc_failed());
	buf_free(&out);
}

int main(void)
{
	return tap_run();
}
