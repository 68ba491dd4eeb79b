using System.Net;
using Xunit;

namespace LlmProxy.Tests.Management;

/// <summary>What is asked wrongly. What is answered is held end to end.</summary>
public sealed class ExplainApiTests : IAsyncLifetime
{
    private const string Path = "/manage/tokens/0199c0de-9b2c-7d4e-9f50-6b7c8d9e0f1a/explain";

    private ManagementServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await ManagementServer.StartAsync();

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData("""{"method":"POST","path":"/v1/x","body":"\ud800"}""", "invalid_field", "body")]
    [InlineData("""{"method":"POST","path":"/v1/x","headers":{"a":1}}""", "invalid_field", "headers")]
    [InlineData("""{"method":"POST","path":"/v1/x","headers":["a"]}""", "invalid_field", "headers")]
    [InlineData("""{"method":"POST"}""", "missing_field", "path")]
    [InlineData("""{"method":1,"path":"/v1/x"}""", "invalid_field", "method")]
    public async Task A_question_that_cannot_be_read_is_the_callers_fault(string body, string code, string field)
    {
        var answer = await _server.Client.AskAsync("POST", Path, body);

        Assert.Equal(
            (HttpStatusCode.BadRequest, code, field),
            (answer.Status, answer.Json["code"]!.GetValue<string>(), answer.Json["field"]!.GetValue<string>()));
    }

    [Fact]
    public async Task A_token_that_is_not_there_is_not_found()
    {
        var answer = await _server.Client.AskAsync("POST", Path, """{"method":"GET","path":"/v1/models"}""");

        Assert.Equal(HttpStatusCode.NotFound, answer.Status);
    }
}
