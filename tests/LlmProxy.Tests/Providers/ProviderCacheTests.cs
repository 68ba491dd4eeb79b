using System.Text;
using LlmProxy.Providers;
using Xunit;

namespace LlmProxy.Tests.Providers;

public sealed class ProviderCacheTests
{
    [Fact]
    public void Every_key_of_the_section_is_read()
    {
        var cache = Given.Provider("""
            cache:
              default_ttl_endpoints: [/v1/models, "/v1/models/*"]
              post:
                - endpoint: /v1/embeddings
                  ttl: 1h
                - endpoint: [/v1/chat/completions, "/v1/threads/*/x"]
                  ttl: 30d
                  when: {temperature: 0, stream: false}
            """).Cache;

        Assert.Equal(["/v1/models", "/v1/models/*"], cache.DefaultTtlEndpoints.Patterns);
        Assert.Equal([TimeSpan.FromHours(1), TimeSpan.FromDays(30)], cache.PostRules.Select(static rule => rule.Ttl));
        Assert.Equal((true, false), (cache.PostRules[0].Matches("/v1/embeddings"), cache.PostRules[0].Matches("/v1/e")));
        Assert.Equal((true, false), (cache.PostRules[1].Matches("/v1/threads/t/x"), cache.PostRules[1].Matches("/v1")));
        Assert.Equal("temperature, stream", string.Join(", ", cache.PostRules[1].Conditions.Select(one => one.Name)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("cache:")]
    [InlineData("cache: {}")]
    [InlineData("cache: {default_ttl_endpoints: [], post: []}")]
    public void What_is_not_said_is_not_cached(string lines)
    {
        var cache = Given.Provider(lines).Cache;

        Assert.False(cache.DefaultTtlEndpoints.Contains("/v1/models"));
        Assert.Empty(cache.PostRules);
    }

    [Theory]
    [InlineData("a: 0", """{"a":0}""")]
    [InlineData("a: 0", """{"a":0.0}""")]
    [InlineData("a: 0", """{"a":0e0}""")]
    [InlineData("a: 0", """{"a":-0}""")]
    [InlineData("a: 0.0", """{"a":0}""")]
    [InlineData("a: 1e2", """{"a":100}""")]
    [InlineData("a: 0.1", """{"a":0.10}""")]
    [InlineData("a: 1e300", """{"a":10e299}""")]
    [InlineData("a: -1", """{"b":[{"a":2}],"a":-1}""")]
    [InlineData("a: '0'", """{"a":"0"}""")]
    [InlineData("a: gpt-5", """{"a":"gpt-5"}""")]
    [InlineData("a: gpt-5", """{"\u0061":"gpt\u002d5"}""")]
    [InlineData("a: ''", """{"a":""}""")]
    [InlineData("a: true", """{"a":true}""")]
    [InlineData("a: False", """{"a":false}""")]
    [InlineData("a: null", """{"a":null}""")]
    [InlineData("a: ~", """{"a":null}""")]
    [InlineData("a: 0, b: x", """ {"b":"x","c":{"a":1},"a":0} """)]
    [InlineData("ü: 0", """{"ü":0}""")]
    [InlineData("", "no JSON at all")]
    public void A_body_that_holds_what_is_asked_for_is_allowed(string when, string body)
    {
        Assert.True(RuleWith(when).AllowsBody(Given.Body(body)));
    }

    [Theory]
    [InlineData("a: 0", "{}")]
    [InlineData("a: null", "{}")]
    [InlineData("a: 0", "")]
    [InlineData("a: 0", "0")]
    [InlineData("a: 0", "[]")]
    [InlineData("a: 0", """[{"a":0}]""")]
    [InlineData("a: 0", """{"a":"0"}""")]
    [InlineData("a: '0'", """{"a":0}""")]
    [InlineData("a: 0", """{"a":0.0001}""")]
    [InlineData("a: 9007199254740993", """{"a":9007199254740992}""")]
    [InlineData("a: 1e999", """{"a":1e999}""")]
    [InlineData("a: 0", """{"a":[0]}""")]
    [InlineData("a: 0", """{"a":null}""")]
    [InlineData("a: 'true'", """{"a":true}""")]
    [InlineData("a: true", """{"a":false}""")]
    [InlineData("a: x", """{"a":"X"}""")]
    [InlineData("a: 0", """{"A":0}""")]
    [InlineData("a: 0", """{"b":{"a":0}}""")]
    [InlineData("a: 0, b: 0", """{"a":0}""")]
    [InlineData("a: 0", """{"a":0,"a":0}""")]
    [InlineData("a: 0", """{"a":0,"\u0061":1}""")]
    [InlineData("a: 0", """{"a":0""")]
    [InlineData("a: 0", """{"a":0,}""")]
    [InlineData("a: 0", """{"a":0} {}""")]
    [InlineData("a: 0", """{"a":0}x""")]
    [InlineData("a: 0", """{"a":0} // x""")]
    [InlineData("a: x", """{"a":"\ud800"}""")]
    [InlineData("a: 0", """{"\ud800":1,"a":0}""")]
    public void Any_other_body_is_not(string when, string body)
    {
        Assert.False(RuleWith(when).AllowsBody(Given.Body(body)));
    }

    [Fact]
    public void The_pieces_in_which_a_body_comes_make_no_difference()
    {
        var rule = RuleWith("temperature: 0.25, model: gpt-5, stream: false");
        var right = Encoding.UTF8.GetBytes("""{"model":"gpt\u002d5","n":[1,{}],"temperature":25e-2,"stream":false}""");
        var wrong = Encoding.UTF8.GetBytes("""{"model":"gpt-5","n":[1,{}],"temperature":0.26,"stream":false}""");

        Assert.All(Enumerable.Range(1, right.Length), size =>
        {
            Assert.True(rule.AllowsBody(Given.BodyInPieces(right, size)));
            Assert.False(rule.AllowsBody(Given.BodyInPieces(wrong, size)));
        });
    }

    [Fact]
    public void A_rule_has_a_bounded_number_of_conditions()
    {
        var members = Enumerable.Range(0, CachePostRule.ConditionsMax).Select(static i => $"m{i}: {i}").ToList();
        var body = string.Join(',', members.Select(static member => $"\"{member.Replace(":", "\":")}"));
        var oneMore = Given.FileWith(SectionWith(string.Join(", ", members.Append("one: 1"))));

        Assert.True(RuleWith(string.Join(", ", members)).AllowsBody(Given.Body($"{{{body}}}")));
        Assert.Contains("when must have at most 32 members", Given.Complaints(oneMore)[0], StringComparison.Ordinal);
    }

    private static CachePostRule RuleWith(string when) => Given.Provider(SectionWith(when)).Cache.PostRules[0];

    private static string SectionWith(string when) =>
        $"cache: {{post: [{{endpoint: /v1/x, ttl: 1h, when: {{{when}}}}}]}}";
}
