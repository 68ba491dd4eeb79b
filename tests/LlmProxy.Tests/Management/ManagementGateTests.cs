using System.Net.Http.Headers;
using LlmProxy.Management;
using Xunit;

namespace LlmProxy.Tests.Management;

public sealed class ManagementGateTests : IAsyncLifetime
{
    private ManagementServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await ManagementServer.StartAsync();

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Asks_for_the_token_before_it_says_whether_a_path_exists()
    {
        var stranger = _server.Caller(token: null);

        var answer = await stranger.AskAsync("GET", "/manage/nothing/here");

        Assert.Equal("401 unauthorized", answer.Problem);
        Assert.Equal("Bearer", answer.Headers.WwwAuthenticate.Single().Scheme);
    }

    [Theory]
    [InlineData("/MANAGE/nothing")]
    [InlineData("/manage")]
    [InlineData("/manage/")]
    [InlineData("/%6danage/nothing")]
    public async Task Stands_before_every_spelling_of_the_path(string path)
    {
        var stranger = _server.Caller(token: null);

        var answer = await stranger.AskAsync("GET", path);

        Assert.Equal("401 unauthorized", answer.Problem);
    }

    [Theory]
    [InlineData("Bearer correct-horse-battery-staple-43")]
    [InlineData("Bearer correct-horse-battery-staple-4")]
    [InlineData("Bearer correct-horse-battery-staple-42 x")]
    [InlineData("Bearer correct-horse-battery-staple-42, Bearer correct-horse-battery-staple-42")]
    [InlineData("Bearer llmp_0123456789012345678901234567890123456789012345678")]
    [InlineData("Bearer")]
    [InlineData("Bearercorrect-horse-battery-staple-42")]
    [InlineData("Basic correct-horse-battery-staple-42")]
    [InlineData("correct-horse-battery-staple-42")]
    public async Task Refuses_whatever_is_not_exactly_the_token(string authorization)
    {
        var stranger = _server.Caller(token: null);
        stranger.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", authorization);

        var answer = await stranger.AskAsync("GET", "/manage/nothing");

        Assert.Equal("401 unauthorized", answer.Problem);
    }

    [Fact]
    public async Task Refuses_two_credentials_even_when_both_are_right()
    {
        var twice = _server.Caller(ManagementServer.Token);
        twice.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", $"Bearer {ManagementServer.Token}");

        var answer = await twice.AskAsync("GET", "/manage/nothing");

        Assert.Equal("401 unauthorized", answer.Problem);
    }

    [Theory]
    [InlineData("bearer")]
    [InlineData("BEARER")]
    public async Task Takes_the_scheme_in_any_case(string scheme)
    {
        var caller = _server.Caller(token: null);
        caller.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(scheme, ManagementServer.Token);

        var answer = await caller.AskAsync("GET", "/manage/nothing");

        Assert.Equal("404 not_found", answer.Problem);
    }

    [Fact]
    public async Task Forbids_caches_to_keep_any_answer()
    {
        var stranger = _server.Caller(token: null);

        var refused = await stranger.AskAsync("GET", "/manage/nothing");
        var answered = await _server.Client.AskAsync("GET", "/manage/nothing");

        Assert.All([refused, answered], answer =>
        {
            Assert.True(answer.Headers.CacheControl!.NoStore);
            Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        });
    }

    [Fact]
    public async Task Listens_to_ten_of_a_thousand_wrong_tokens()
    {
        var guesser = _server.Caller("a-wrong-management-token");

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 1000).Select(_ => guesser.AskAsync("GET", "/manage/nothing")));

        Assert.Equal(LoginThrottle.FailuresMax, answers.Count(answer => answer.Problem == "401 unauthorized"));
        Assert.Equal(990, answers.Count(answer => answer.Problem == "429 too_many_attempts"));
    }

    [Fact]
    public async Task Does_not_listen_to_the_right_token_either_until_the_window_ends()
    {
        await GuessUntilThrottledAsync("127.0.0.1");

        var early = await _server.Client.AskAsync("GET", "/manage/nothing");
        _server.Clock.Advance(early.Headers.RetryAfter!.Delta!.Value);
        var late = await _server.Client.AskAsync("GET", "/manage/nothing");

        Assert.Equal("429 too_many_attempts", early.Problem);
        Assert.Equal(LoginThrottle.Window, early.Headers.RetryAfter.Delta);
        Assert.Equal("404 not_found", late.Problem);
    }

    [Fact]
    public async Task Listens_to_other_addresses_while_one_is_throttled()
    {
        await GuessUntilThrottledAsync("127.0.0.2");

        var elsewhere = await _server.Client.AskAsync("GET", "/manage/nothing");

        Assert.Equal("404 not_found", elsewhere.Problem);
    }

    [Fact]
    public async Task Does_not_count_requests_without_a_credential()
    {
        var stranger = _server.Caller(token: null);

        for (var i = 0; i < 2 * LoginThrottle.FailuresMax; i++)
        {
            await stranger.AskAsync("GET", "/manage/nothing");
        }

        var answer = await _server.Client.AskAsync("GET", "/manage/nothing");

        Assert.Equal("404 not_found", answer.Problem);
    }

    private async Task GuessUntilThrottledAsync(string from)
    {
        var guesser = _server.Caller("a-wrong-management-token", from);
        for (var i = 0; i < LoginThrottle.FailuresMax; i++)
        {
            await guesser.AskAsync("GET", "/manage/nothing");
        }
    }
}
