using System.Buffers;
using System.Text;
using CsCheck;
using LlmProxy.Http;
using LlmProxy.Providers;
using Xunit;

namespace LlmProxy.Tests.Providers;

public sealed class ParamRulesTests
{
    private readonly RequestRules _rules = Given.Provider("""
        param_whitelist:
          model: [gpt-4o, gpt-4o-*]
          temperature: [0.5, 1]
          stream: ["true"]
          max_tokens: ["1??"]
        """).Rules;

    [Theory]
    [InlineData("""{}""")]
    [InlineData("""{"model":"gpt-4o"}""")]
    [InlineData(""" { "model" : "gpt-4o-mini" , "messages" : [ { "model" : "o1-pro", "model": 1 } ] } """)]
    [InlineData("""{"mod\u0065l":"gpt\u002d4o"}""")]
    [InlineData("""{"temperature":0.5,"stream":true}""")]
    [InlineData("""{"temperature":1}""")]
    [InlineData("""{"other":null,"n":1e999,"text":"caf\u00e9 \ud83d\ude00 é"}""")]
    [InlineData("""{"messages":[{"content":"half a pair, which is not ours to judge: \ud83d"}]}""")]
    public void A_body_within_the_lists_passes(string json)
    {
        Assert.Null(Judge(json));
    }

    [Theory]
    [InlineData("""{"model":"o1-pro"}""", "model")]
    [InlineData("""{"model":"GPT-4o"}""", "model")]
    [InlineData("""{"model":"gpt-4o/x"}""", "model")]
    [InlineData("""{"model":"gpt-4o "}""", "model")]
    [InlineData("""{"model":""}""", "model")]
    [InlineData("""{"mod\u0065l":"o1-pro"}""", "model")]
    [InlineData("""{"Model":"o1-pro"}""", "model")]
    [InlineData("""{"max_to\u212aens":9}""", "max_tokens")]
    [InlineData("""{"max_token\u017f":9}""", "max_tokens")]
    [InlineData("""{"model":null}""", "model")]
    [InlineData("""{"model":["gpt-4o"]}""", "model")]
    [InlineData("""{"model":{"a":"gpt-4o"}}""", "model")]
    [InlineData("""{"temperature":0.50}""", "temperature")]
    [InlineData("""{"temperature":"2"}""", "temperature")]
    [InlineData("""{"stream":false}""", "stream")]
    [InlineData("""{"model":"gpt-4o","temperature":2}""", "temperature")]
    public void A_value_that_is_not_listed_is_refused_by_name(string json, string param)
    {
        var refusal = Judge(json);

        Assert.Equal((400, "param_not_allowed", param), (refusal?.Status, refusal?.Code, refusal?.Param));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""[{"model":"gpt-4o"}]""")]
    [InlineData("\"gpt-4o\"")]
    [InlineData("""{"model":"gpt-4o""")]
    [InlineData("""{"model":"gpt-4o"}}""")]
    [InlineData("""{"model":"gpt-4o"}{"model":"o1-pro"}""")]
    [InlineData("""{"model":"gpt-4o"} x""")]
    [InlineData("""{"model":"gpt-4o",}""")]
    [InlineData("""{"model":"gpt-4o" /* , */ }""")]
    [InlineData("""{model:"gpt-4o"}""")]
    [InlineData("""{'model':'gpt-4o'}""")]
    [InlineData("""{"model":"gpt-4o","model":"gpt-4o"}""")]
    [InlineData("""{"model":"gpt-4o","mod\u0065l":"o1-pro"}""")]
    [InlineData("""{"model":"gpt-4o","MODEL":"gpt-4o"}""")]
    [InlineData("""{"a":1,"a":1}""")]
    [InlineData("""{"model":"gpt-4o\ud800"}""")]
    [InlineData("""{"mod\ud800el":"x"}""")]
    [InlineData("""{"n":NaN}""")]
    [InlineData("""{"n":01}""")]
    [InlineData("{\"a\":\"\t\"}")]
    [InlineData("\ufeff{\"model\":\"gpt-4o\"}")]
    public void What_can_be_read_in_two_ways_is_refused(string json)
    {
        Assert.Equal(json.Length == 0 ? null : Refusal.InvalidBody, Judge(json));
    }

    [Fact]
    public void Bytes_that_are_no_text_are_refused_wherever_they_stand()
    {
        byte[] overlong = [.. "{\"messages\":[\""u8, 0xC0, 0xAF, .. "\"]}"u8];

        Assert.Equal(Refusal.InvalidBody, Judge(new ReadOnlySequence<byte>(overlong)));
        Assert.Equal(Refusal.InvalidBody, Judge(Given.BodyInPieces(overlong, 3)));
        Assert.Equal(Refusal.InvalidBody, Judge(Given.BodyInPieces([.. "{\"a\":\""u8, 0xE2, 0x82], 2)));
    }

    [Theory]
    [InlineData(63, true)]
    [InlineData(64, false)]
    [InlineData(100_000, false)]
    public void Nesting_has_a_limit(int depth, bool passes)
    {
        var json = "{\"a\":" + new string('[', depth) + new string(']', depth) + "}";

        Assert.Equal(passes ? null : Refusal.InvalidBody, Judge(json));
    }

    [Fact]
    public void Members_and_names_have_limits()
    {
        var many = "{" + string.Join(',', Enumerable.Range(0, 1001).Select(static i => $"\"{i}\":1")) + "}";
        var longName = "{\"" + new string('n', 1001) + "\":1}";

        Assert.Equal(Refusal.InvalidBody, Judge(many));
        Assert.Equal(Refusal.InvalidBody, Judge(longName));
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("Application/JSON; charset=UTF-8")]
    [InlineData("application/json; charset=\"utf-8\"; profile=x")]
    public void Json_may_say_that_it_is_utf8(string type)
    {
        Assert.Null(Judge(Given.Body("{}"), ("Content-Type", type)));
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("text/json")]
    [InlineData("application/jsonp")]
    [InlineData("application/json, text/plain")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("application/json; charset=utf-8; charset=utf-7")]
    [InlineData("multipart/form-data; boundary=x")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("")]
    public void Another_media_type_cannot_be_judged(string type)
    {
        Assert.Equal(Refusal.UnsupportedBody, Judge(Given.Body("{}"), ("Content-Type", type)));
    }

    [Fact]
    public void No_media_type_or_two_cannot_be_judged()
    {
        Assert.Equal(Refusal.UnsupportedBody, Judge(Given.Body("{}"), []));
        Assert.Equal(Refusal.UnsupportedBody, Judge(Given.Body("{}"),
            ("Content-Type", "application/json"), ("Content-Type", "application/json")));
    }

    [Theory]
    [InlineData("identity", true)]
    [InlineData("gzip", false)]
    [InlineData("identity, br", false)]
    public void A_compressed_body_cannot_be_judged(string coding, bool passes)
    {
        var refusal = Judge(Given.Body("{}"), ("Content-Type", "application/json"), ("Content-Encoding", coding));

        Assert.Equal(passes ? null : Refusal.UnsupportedBody, refusal);
    }

    [Fact]
    public void A_request_without_a_body_passes_whatever_its_type()
    {
        Assert.Null(Judge(ReadOnlySequence<byte>.Empty, ("Content-Type", "text/plain")));
    }

    [Fact]
    public void The_message_names_parameter_value_and_patterns_and_cannot_forge_a_line()
    {
        var refusal = Judge("""{"model":"o1\r\n\u001b[31m\u202epro"}""");

        Assert.Equal(
            "The value 'o1[31mpro' of parameter 'model' is not allowed. Allowed are: gpt-4o, gpt-4o-*.",
            refusal?.Message);
    }

    [Theory]
    [InlineData(5_000)]
    [InlineData(100_000)]
    public void The_message_is_short_however_long_the_value(int length)
    {
        var refusal = Judge("{\"model\":\"" + new string('x', length) + "\"}");

        Assert.Equal("param_not_allowed", refusal?.Code);
        Assert.InRange(refusal!.Message.Length, 1, 250);
    }

    [Fact]
    public void How_a_body_is_cut_into_pieces_changes_nothing()
    {
        var bodies = Given.OneOf(
            """{"model":"gpt-4o","messages":[{"content":"é\u00e9😀"}],"temperature":0.5}""",
            """{"mod\u0065l":"o1-pro","x":"é"}""",
            """{"temperature":0.51,"model":"gpt-4o"}""",
            """{"model":"gpt-4o","é":1,"\u00e9":2}""",
            """{"model":"gpt-4o"}x""");
        Gen.Select(bodies, Gen.Int[1, 12]).Sample((json, size) =>
            Equals(Judge(Given.BodyInPieces(Encoding.UTF8.GetBytes(json), size)), Judge(json)));
    }

    private Refusal? Judge(string json) => Judge(Given.Body(json));

    private Refusal? Judge(ReadOnlySequence<byte> body) => Judge(body, ("Content-Type", "application/json"));

    private Refusal? Judge(ReadOnlySequence<byte> body, params (string Name, string Value)[] headers) =>
        _rules.JudgeBody(Given.Request("POST", headers), body);
}
