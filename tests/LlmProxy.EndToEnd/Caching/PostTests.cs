using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Caching;

/// <summary>Answers to a POST are cached for those who ask for it, or where the provider's file says so.</summary>
public sealed class PostTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string AskFor = "Cache-Control: max-age=60";

    [Theory]
    [InlineData("Cache-Control: max-age=60")]
    [InlineData("Cache-Control: public, max-age=60")]
    public async Task A_client_that_asks_for_it_gets_an_equal_answer_without_a_call(string ask)
    {
        var route = rig.Upstream.Does(Echoes);

        var first = await rig.PostAsync(route.Path, """{"input":"a"}""", ask);
        var second = await rig.PostAsync(route.Path, """{"input":"a"}""", ask);

        Assert.Equal("""{"input":"a"}""", second.Body.Text);
        Assert.Equal(("miss", "hit"), (first.Head.Value("X-PROXY-CACHE"), second.Head.Value("X-PROXY-CACHE")));
        Assert.Single(route.Requests);
    }

    [Fact]
    public async Task Nobody_else_does()
    {
        var route = rig.Upstream.Does(Echoes);
        await rig.PostAsync(route.Path, "{}", AskFor);

        var other = await rig.PostAsync(route.Path, "{}");

        Assert.Equal("bypass", other.Head.Value("X-PROXY-CACHE"));
        Assert.Contains("fwd=method", other.Head.Value("Cache-Status"), StringComparison.Ordinal);
        Assert.Equal(2, route.Requests.Count);
    }

    [Fact]
    public async Task Another_body_or_another_content_type_is_another_request()
    {
        var route = rig.Upstream.Does(Echoes);
        await rig.PostAsync(route.Path, """{"input":"a"}""", AskFor, "Content-Type: application/json");

        await rig.PostAsync(route.Path, """{"input":"b"}""", AskFor, "Content-Type: application/json");
        await rig.PostAsync(route.Path, """{"input":"a"}""", AskFor, "Content-Type: text/plain");
        await rig.PostAsync(
            route.Path, """{"input":"a"}""", AskFor, "Content-Type: application/json", "OpenAI-Organization: other");

        Assert.Equal(4, route.Requests.Count);
    }

    [Fact]
    public async Task What_says_of_itself_that_it_must_not_be_stored_is_not()
    {
        var route = rig.Upstream.Does(
            exchange => exchange.AnswerAsync(200, "x"u8.ToArray(), "Cache-Control: no-store"));
        await rig.PostAsync(route.Path, "{}", AskFor);

        await rig.PostAsync(route.Path, "{}", AskFor);

        Assert.Equal(2, route.Requests.Count);
    }

    [Fact]
    public async Task An_error_is_not_stored()
    {
        var route = rig.Upstream.Does(exchange => exchange.AnswerAsync(400, "x"u8.ToArray()));
        await rig.PostAsync(route.Path, "{}", AskFor);

        await rig.PostAsync(route.Path, "{}", AskFor);

        Assert.Equal(2, route.Requests.Count);
    }

    [Fact]
    public async Task A_client_takes_no_answer_that_is_older_than_it_wants()
    {
        var route = rig.Upstream.Does(exchange => exchange.AnswerAsync(200, "x"u8.ToArray(), "Age: 30"));
        await rig.PostAsync(route.Path, "{}", AskFor);

        Assert.Equal("hit", (await rig.PostAsync(route.Path, "{}", AskFor)).Head.Value("X-PROXY-CACHE"));
        var strict = await rig.PostAsync(route.Path, "{}", "Cache-Control: max-age=10");

        Assert.Equal("miss", strict.Head.Value("X-PROXY-CACHE"));
    }

    [Fact]
    public async Task A_post_makes_what_was_stored_for_its_target_invalid()
    {
        var route = rig.Upstream.Does(exchange => exchange.AnswerAsync(200, "x"u8.ToArray(), AskFor));
        await rig.GetAsync(route.Path);
        await rig.PostAsync(route.Path, "{}");

        Assert.Equal("miss", (await rig.GetAsync(route.Path)).Head.Value("X-PROXY-CACHE"));
    }

    [Fact]
    public async Task The_providers_file_may_say_which_answers_are_kept()
    {
        await using var own = new OwnProxy();
        var route = own.Upstream.DoesAt("/v1/embeddings", Echoes);
        await own.StartAsync(
            "cache: { post: [{ endpoint: /v1/embeddings, ttl: 1h, when: { temperature: 0 } }] }");

        await own.PostAsync(route.Path, """{"temperature":0.0,"input":"a"}""");
        var kept = await own.PostAsync(route.Path, """{"temperature":0.0,"input":"a"}""");
        await own.PostAsync(route.Path, """{"temperature":1,"input":"a"}""");
        await own.PostAsync(route.Path, """{"temperature":1,"input":"a"}""");
        var refusing = await own.PostAsync(
            route.Path, """{"temperature":0.0,"input":"a"}""", "Cache-Control: no-cache");

        Assert.Equal("hit", kept.Head.Value("X-PROXY-CACHE"));
        Assert.Equal("miss", refusing.Head.Value("X-PROXY-CACHE"));
        Assert.Equal(4, route.Requests.Count);
    }

    private static async Task Echoes(UpstreamExchange exchange)
    {
        var body = await exchange.ReadBodyAsync();
        await exchange.AnswerAsync(200, body.Content, "Content-Type: application/json");
    }
}
