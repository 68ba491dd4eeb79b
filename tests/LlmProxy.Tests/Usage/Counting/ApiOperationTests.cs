using CsCheck;
using LlmProxy.Usage.Counting;
using Xunit;

namespace LlmProxy.Tests.Usage.Counting;

public sealed class ApiOperationTests
{
    [Fact]
    public async Task Every_published_operation_is_what_the_list_says()
    {
        var operations = await ListAsync();

        Assert.True(operations.Count > 150);
        Assert.Equal(
            operations,
            operations.Select(static listed => listed with
            {
                Metering = Words(ApiOperation.Of(listed.Method, listed.Path).Metering),
                Model = Words(ApiOperation.Of(listed.Method, listed.Path).Model),
            }));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/openai")]
    [InlineData("/api/paas/v4")]
    [InlineData("/{anything}")]
    public async Task Another_prefix_changes_nothing(string prefix)
    {
        foreach (var listed in (await ListAsync()).Where(static listed => listed.Path != "/v1/responses"))
        {
            var there = string.Concat(prefix, listed.Path.AsSpan("/v1".Length));

            Assert.Equal((listed, ApiOperation.Of(listed.Method, listed.Path)),
                (listed, ApiOperation.Of(listed.Method, there)));
        }
    }

    [Theory]
    [InlineData("/v1/chat/completions", (int)ApiShape.Chat)]
    [InlineData("/openai/deployments/mine/chat/completions", (int)ApiShape.Chat)]
    [InlineData("/v1/completions", (int)ApiShape.Completions)]
    [InlineData("/v1/responses", (int)ApiShape.Responses)]
    [InlineData("/v1/responses/compact", (int)ApiShape.Responses)]
    [InlineData("/v1/messages", (int)ApiShape.Messages)]
    [InlineData("/v1/embeddings", (int)ApiShape.Embeddings)]
    [InlineData("/v1/audio/transcriptions", (int)ApiShape.Transcription)]
    [InlineData("/v1/audio/speech", (int)ApiShape.Speech)]
    [InlineData("/v1/images/edits", (int)ApiShape.Image)]
    [InlineData("/v1/moderations", (int)ApiShape.Moderation)]
    [InlineData("/v1/realtime/calls", (int)ApiShape.Realtime)]
    [InlineData("/v1/files", (int)ApiShape.Other)]
    public void Says_the_shape_of_the_body(string path, int shape) =>
        Assert.Equal((ApiShape)shape, ApiOperation.Of("POST", path).Shape);

    [Theory]
    [InlineData("POST", "/v1/agents/a/runs")]
    [InlineData("POST", "/v1/something_new")]
    [InlineData("POST", "/v1/chat/completions/")]
    [InlineData("POST", "/v1/Chat/Completions")]
    [InlineData("POST", "/v1/chat/completions;x")]
    [InlineData("POST", "/v1beta/models/gemini-3-pro:generateContent")]
    [InlineData("POST", "/v1/vector_stores//search")]
    [InlineData("POST", "/")]
    [InlineData("POST", "")]
    [InlineData("PUT", "/v1/files")]
    [InlineData("PATCH", "/v1/chat/completions")]
    [InlineData("post", "/v1/chat/completions")]
    [InlineData("get", "/v1/models")]
    [InlineData("CONNECT", "/v1/realtime")]
    public void What_is_not_known_is_taken_for_a_run_that_cannot_be_seen(string method, string path) =>
        Assert.Equal(
            new ApiOperation(ApiShape.Other, Metering.Opaque, ModelPlace.Elsewhere), ApiOperation.Of(method, path));

    [Theory]
    [InlineData("GET", "/v1/anything/at/all")]
    [InlineData("HEAD", "/v1/chat/completions")]
    [InlineData("DELETE", "/v1/chat/completions/x")]
    [InlineData("OPTIONS", "/v1/chat/completions")]
    public void Reading_and_deleting_are_free(string method, string path) =>
        Assert.Equal(
            new ApiOperation(ApiShape.Other, Metering.Free, ModelPlace.None), ApiOperation.Of(method, path));

    [Fact]
    public void No_path_is_too_strange() =>
        Gen.Select(Gen.OneOf(Gen.Const("GET"), Gen.Const("POST"), Gen.Const("PUT")), Gen.String)
            .Sample(static (method, path) => Enum.IsDefined(ApiOperation.Of(method, path).Metering));

    [Fact]
    public void Nothing_is_allocated()
    {
        ApiOperation.Of("POST", "/v1/unknown");
        var before = GC.GetAllocatedBytesForCurrentThread();

        for (var i = 0; i < 1000; i++)
        {
            ApiOperation.Of("POST", "/v1/unknown");
            ApiOperation.Of("POST", "/v1/chat/completions");
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private static string Words<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    private static async Task<List<Listed>> ListAsync() =>
    [
        .. (await Repository.ReadAsync("tests/openai-operations.txt")).Split('\n')
            .Where(static line => line.Length > 0 && line[0] != '#')
            .Select(static line => line.Split(' '))
            .Select(static words => new Listed(words[0], words[1], words[2], words[3])),
    ];

    private sealed record Listed(string Method, string Path, string Metering, string Model);
}
