using System.Net;
using System.Text;
using System.Text.Json;
using LlmProxy.Simulator;
using Xunit;

namespace LlmProxy.Tests.Simulator;

public sealed class SimulatorServerTests : IAsyncLifetime
{
    private SimulatorClient _simulator = null!;

    public async ValueTask InitializeAsync() => _simulator = await SimulatorClient.StartAsync();

    public ValueTask DisposeAsync() => _simulator.DisposeAsync();

    [Theory]
    [InlineData("", 401, "missing_api_key")]
    [InlineData("Authorization: Bearer \r\n", 401, "missing_api_key")]
    [InlineData("Authorization: Basic a2V5\r\n", 401, "missing_api_key")]
    [InlineData("Authorization: Bearer invalid\r\n", 401, "invalid_api_key")]
    [InlineData("x-api-key: invalid\r\n", 401, "invalid_api_key")]
    public async Task Refuses_a_caller_without_a_key_or_with_the_invalid_one(string header, int status, string code)
    {
        var answer = await _simulator.SendRawAsync(
            $"GET /v1/models HTTP/1.1\r\nHost: s\r\nConnection: close\r\n{header}\r\n");

        Assert.StartsWith($"HTTP/1.1 {status} ", answer);
        Assert.Contains($"\"code\":\"{code}\"", answer);
    }

    [Theory]
    [InlineData("Authorization: Bearer anything\r\n")]
    [InlineData("x-api-key: anything\r\n")]
    public async Task Serves_a_caller_with_any_other_key(string header)
    {
        var answer = await _simulator.SendRawAsync(
            $"GET /v1/models HTTP/1.1\r\nHost: s\r\nConnection: close\r\n{header}\r\n");

        Assert.StartsWith("HTTP/1.1 200 ", answer);
    }

    [Fact]
    public async Task Refuses_an_unknown_path_as_the_provider_does()
    {
        using var answer = await _simulator.GetAsync("/v1/nothing");

        var error = (await SimulatorClient.JsonOf(answer)).GetProperty("error");
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("Invalid URL (GET /v1/nothing)", error.GetProperty("message").GetString());
        Assert.Equal("unknown_url", error.GetProperty("code").GetString());
    }

    [Fact]
    public async Task Refuses_a_wrong_method_and_names_the_right_one()
    {
        using var answer = await _simulator.GetAsync("/v1/chat/completions");

        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        Assert.Equal(["POST"], answer.Content.Headers.Allow);
    }

    [Fact]
    public async Task Sends_the_headers_that_openai_sends()
    {
        using var answer = await _simulator.GetAsync("/v1/models");

        Assert.Equal(["simulator"], answer.Headers.GetValues("openai-organization"), StringComparer.Ordinal);
        Assert.Equal(["7"], answer.Headers.GetValues("openai-processing-ms"), StringComparer.Ordinal);
        Assert.Equal(["9999"], answer.Headers.GetValues("x-ratelimit-remaining-requests"), StringComparer.Ordinal);
        Assert.False(answer.Headers.Contains("Server"));
    }

    [Fact]
    public async Task Counts_what_reached_it_and_forgets_it_on_demand()
    {
        using var first = await _simulator.GetAsync("/v1/models");
        using var second = await _simulator.GetAsync("/v1/nothing");
        using var request = _simulator.Request(HttpMethod.Delete, "/v1/simulator/stats", null);

        var before = await StatsAsync();
        using var reset = await _simulator.SendAsync(request, TestContext.Current.CancellationToken);
        var after = await StatsAsync();

        Assert.Equal((2, 0), (before.GetProperty("received").GetInt32(), before.GetProperty("open").GetInt32()));
        Assert.Equal(HttpStatusCode.NoContent, reset.StatusCode);
        Assert.Equal(0, after.GetProperty("received").GetInt32());
    }

    [Fact]
    public async Task Tells_a_request_exactly_as_it_arrived()
    {
        var answer = await _simulator.SendRawAsync(
            "PATCH /v1/simulator/echo?b=%2F&a HTTP/1.1\r\nX-ODD-case: 1\r\nhost: s\r\nX-Two: a\r\n"
            + "AUTHORIZATION: Bearer k\r\nX-Two: b\r\nX-Latin: \u00e9\r\nconnection: close\r\n"
            + "Content-Length: 3\r\n\r\n{\n}");

        var body = answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];
        using var seen = JsonDocument.Parse(Encoding.Latin1.GetBytes(body));
        var headers = seen.RootElement.GetProperty("headers").EnumerateArray()
            .Select(static pair => $"{pair[0]}: {pair[1]}");
        Assert.Equal("PATCH", seen.RootElement.GetProperty("method").GetString());
        Assert.Equal("/v1/simulator/echo?b=%2F&a", seen.RootElement.GetProperty("target").GetString());
        Assert.Equal(
            [
                "X-ODD-case: 1", "host: s", "X-Two: a", "AUTHORIZATION: Bearer k", "X-Two: b", "X-Latin: \u00e9",
                "connection: close", "Content-Length: 3",
            ],
            headers, StringComparer.Ordinal);
        Assert.Equal("ewp9", seen.RootElement.GetProperty("body").GetProperty("base64").GetString());
    }

    [Fact]
    public async Task Tells_each_of_several_requests_on_one_connection_apart()
    {
        using var body = new ByteArrayContent(new byte[200_000]);
        using var first = await _simulator.PostAsync("/v1/simulator/echo", body, "X-Number: 1");
        var one = await SimulatorClient.JsonOf(first);
        using var second = await _simulator.GetAsync("/v1/simulator/echo", "X-Number: 2");
        var two = await SimulatorClient.JsonOf(second);

        Assert.Equal(["1"], NumbersIn(one), StringComparer.Ordinal);
        Assert.Equal(["2"], NumbersIn(two), StringComparer.Ordinal);
        Assert.Equal(200_000, one.GetProperty("body").GetProperty("bytes").GetInt32());
        Assert.Equal(JsonValueKind.Null, one.GetProperty("body").GetProperty("base64").ValueKind);
    }

    [Fact]
    public async Task Tells_the_trailers_of_a_request()
    {
        var answer = await _simulator.SendRawAsync(
            "POST /v1/simulator/echo HTTP/1.1\r\nHost: s\r\nx-api-key: k\r\nConnection: close\r\n"
            + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n");

        Assert.Contains("\"trailers\":[[\"X-Sum\",\"7\"]]", answer);
    }

    [Fact]
    public async Task Sends_as_many_known_bytes_as_asked_for()
    {
        using var answer = await _simulator.GetAsync("/v1/simulator/bytes/100000");

        var bytes = await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        Assert.Equal(100_000, answer.Content.Headers.ContentLength);
        Assert.Equal(Enumerable.Range(0, 100_000).Select(static i => (byte)(i % 251)), bytes);
    }

    [Theory]
    [InlineData("204", 204)]
    [InlineData("307", 307)]
    [InlineData("503", 503)]
    [InlineData("101", 400)]
    [InlineData("abc", 400)]
    public async Task Answers_with_the_status_that_the_path_names(string code, int status)
    {
        using var answer = await _simulator.GetAsync($"/v1/simulator/status/{code}");

        Assert.Equal(status, (int)answer.StatusCode);
    }

    [Fact]
    public async Task Ends_when_its_starter_says_so_even_while_a_request_hangs()
    {
        using var stop = new CancellationTokenSource();
        await using var server = await SimulatorServer.StartAsync(new(IPAddress.Loopback, 0), stop.Token);
        using var client = new HttpMessageInvoker(new SocketsHttpHandler { UseProxy = false });
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server.Address, "/v1/models"));
        request.Headers.Add("x-api-key", "key");
        request.Headers.Add("x-simulator-hang", "headers");
        var hanging = client.SendAsync(request, TestContext.Current.CancellationToken);
        await Condition.HoldsAsync(() => server.Traffic.Open == 1);

        await stop.CancelAsync();

        await server.Completion.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<HttpRequestException>(() => hanging);
    }

    [Fact]
    public async Task Does_not_start_on_an_address_that_is_taken()
    {
        var taken = new IPEndPoint(IPAddress.Loopback, _simulator.Address.Port);

        await Assert.ThrowsAsync<IOException>(
            () => SimulatorServer.StartAsync(taken, TestContext.Current.CancellationToken));
    }

    private async Task<JsonElement> StatsAsync() =>
        await SimulatorClient.JsonOf(await _simulator.GetAsync("/v1/simulator/stats"));

    private static IEnumerable<string?> NumbersIn(JsonElement seen) => seen.GetProperty("headers").EnumerateArray()
        .Where(static pair => pair[0].GetString() == "X-Number")
        .Select(static pair => pair[1].GetString());
}
