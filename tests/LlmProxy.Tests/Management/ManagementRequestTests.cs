using System.Net;
using System.Net.Http.Headers;
using System.Text;
using LlmProxy.Management;
using Xunit;

namespace LlmProxy.Tests.Management;

/// <summary>What holds for every request to <c>/manage</c>, whatever it is about.</summary>
public sealed class ManagementRequestTests : IAsyncLifetime
{
    private ManagementServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await ManagementServer.StartAsync();

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("\"name\"")]
    [InlineData("{")]
    [InlineData("{\"name\":\"a\"")]
    [InlineData("{\"name\":\"a\",}")]
    [InlineData("{\"name\":\"a\"} {}")]
    [InlineData("{\"name\":\"a\"} x")]
    [InlineData("{name:\"a\"}")]
    [InlineData("{\"name\":\"a\" /* who */}")]
    [InlineData("{\"name\":\"\\ud800\"}")]
    [InlineData("{\"name\":[[[[[[1]]]]]]}")]
    public async Task Refuses_a_body_that_is_not_one_json_object(string body)
    {
        var refused = await _server.Client.AskAsync("POST", "/manage/projects", body);

        Assert.Equal("400 invalid_json", refused.Problem);
    }

    [Fact]
    public async Task Refuses_a_body_that_is_not_utf8()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/manage/projects")
        {
            Content = new ByteArrayContent([.. "{\"name\":\""u8, 0xff, 0xfe, .. "\"}"u8]),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");

        var refused = await _server.Client.AskAsync(request);

        Assert.Equal("400 invalid_json", refused.Problem);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/merge-patch+json")]
    [InlineData("application/json; charset=utf-16")]
    public async Task Refuses_other_media_types(string mediaType)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/manage/projects")
        {
            Content = new ByteArrayContent("{}"u8.ToArray()),
        };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(mediaType);

        var refused = await _server.Client.AskAsync(request);

        Assert.Equal("415 unsupported_media_type", refused.Problem);
    }

    [Fact]
    public async Task Refuses_a_compressed_body()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/manage/projects")
        {
            Content = new StringContent("{}", Encoding.UTF8, "application/json"),
        };
        request.Content.Headers.ContentEncoding.Add("gzip");

        var refused = await _server.Client.AskAsync(request);

        Assert.Equal("415 unsupported_media_type", refused.Problem);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Refuses_a_body_above_its_limit_however_it_is_framed(bool chunked)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/manage/projects")
        {
            Content = new StringContent(
                $$"""{"name":"{{new string('n', StrictJson.BodyBytesMax)}}"}""", Encoding.UTF8, "application/json"),
        };
        request.Headers.TransferEncodingChunked = chunked;

        var refused = await _server.Client.AskAsync(request);

        Assert.Equal("413 body_too_large", refused.Problem);
    }

    [Fact]
    public async Task Takes_a_body_of_exactly_its_limit()
    {
        var start = """{"name":"a","api_key":"sk-1234567890" """;
        var body = start + new string(' ', StrictJson.BodyBytesMax - start.Length - 1) + "}";

        var created = await _server.Client.AskAsync("POST", "/manage/projects", body);

        Assert.Equal(HttpStatusCode.Created, created.Status);
    }

    [Theory]
    [InlineData("DELETE", "/manage/projects", "GET, HEAD, POST")]
    [InlineData("PUT", "/manage/projects/x", "GET, HEAD, PATCH, DELETE")]
    [InlineData("PATCH", "/manage/tokens", "GET, HEAD, POST")]
    [InlineData("POST", "/manage/tokens/x", "GET, HEAD, PATCH, DELETE")]
    [InlineData("GET", "/manage/projects/x/tokens/revoke", "POST")]
    [InlineData("BREW", "/manage/projects", "GET, HEAD, POST")]
    public async Task Names_the_methods_of_a_resource_when_it_refuses_one(string method, string path, string allow)
    {
        var refused = await _server.Client.AskAsync(method, path);
        var options = await _server.Client.AskAsync("OPTIONS", path);

        Assert.Equal("405 method_not_allowed", refused.Problem);
        Assert.Equal(allow, string.Join(", ", refused.Content.Allow));
        Assert.Equal(HttpStatusCode.NoContent, options.Status);
        Assert.Equal(allow, string.Join(", ", options.Content.Allow));
    }

    [Theory]
    [InlineData("/manage")]
    [InlineData("/manage/")]
    [InlineData("/manage/project")]
    [InlineData("/manage/projects/x/tokens")]
    [InlineData("/manage/tokens/x/y")]
    public async Task Serves_nothing_else_and_never_falls_through_to_the_proxy(string path)
    {
        var answers = await Task.WhenAll(
            ((string[])["GET", "POST", "DELETE"]).Select(method => _server.Client.AskAsync(method, path)));

        Assert.All(answers, answer => Assert.Equal("404 not_found", answer.Problem));
    }

    [Fact]
    public async Task Says_so_when_the_store_fails_and_gives_nothing_away()
    {
        await _server.BreakTheStoreAsync();

        var listed = await _server.Client.AskAsync("GET", "/manage/projects");
        var created = await _server.Client.AskAsync(
            "POST", "/manage/projects", """{"name":"a","api_key":"sk-1234567890"}""");

        Assert.All([listed, created], answer =>
        {
            Assert.Equal("503 store_unavailable", answer.Problem);
            Assert.Equal(TimeSpan.FromSeconds(1), answer.Headers.RetryAfter!.Delta);
            Assert.DoesNotContain("table", answer.Text, StringComparison.OrdinalIgnoreCase);
        });
    }
}
