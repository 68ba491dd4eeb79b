using System.ClientModel;
using LlmProxy.EndToEnd.Fixtures;
using OpenAI.Audio;
using OpenAI.Files;
using OpenAI.Responses;

namespace LlmProxy.EndToEnd.Sdk;

/// <summary>The official client uses the rest of the API: JSON, multipart and binary, up and down.</summary>
public sealed class ResourceTests(ProxyBeforeSimulator rig) : IClassFixture<ProxyBeforeSimulator>
{
    [Fact]
    public async Task Creates_a_response()
    {
        var client = rig.OpenAI.GetResponsesClient();

        ResponseResult response = await client.CreateResponseAsync(Question(), TestContext.Current.CancellationToken);

        Assert.NotEmpty(response.GetOutputText());
    }

    [Fact]
    public async Task Streams_a_response()
    {
        var client = rig.OpenAI.GetResponsesClient();
        var options = Question();
        options.StreamingEnabled = true;
        var kinds = new List<string>();

        await foreach (var update in await client.CreateResponseStreamingAsync(
            options, TestContext.Current.CancellationToken))
        {
            kinds.Add(update.GetType().Name);
        }

        Assert.Contains(kinds, static kind => kind.Contains("OutputTextDelta", StringComparison.Ordinal));
        Assert.Contains("Completed", kinds[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Embeds_text_the_same_way_every_time()
    {
        var client = rig.OpenAI.GetEmbeddingClient("text-embedding-3-small");

        var cancel = TestContext.Current.CancellationToken;
        var first = await client.GenerateEmbeddingAsync("a text", cancellationToken: cancel);
        var second = await client.GenerateEmbeddingAsync("a text", cancellationToken: cancel);

        Assert.NotEqual(0, first.Value.ToFloats().Length);
        Assert.Equal(first.Value.ToFloats().ToArray(), second.Value.ToFloats().ToArray());
    }

    [Fact]
    public async Task Lists_models_and_finds_one()
    {
        var client = rig.OpenAI.GetOpenAIModelClient();

        var models = (await client.GetModelsAsync(TestContext.Current.CancellationToken)).Value;
        var one = (await client.GetModelAsync(models[0].Id, TestContext.Current.CancellationToken)).Value;

        Assert.Equal(models[0].Id, one.Id);
    }

    [Fact]
    public async Task Uploads_a_file_reads_it_back_and_deletes_it()
    {
        var client = rig.OpenAI.GetOpenAIFileClient();
        var content = Dice.Throw().Bytes(200_000);

        var cancel = TestContext.Current.CancellationToken;
        var (upload, purpose) = (new MemoryStream(content), FileUploadPurpose.UserData);
        OpenAIFile file = await client.UploadFileAsync(upload, "noise.bin", purpose, cancel);
        var listed = (await client.GetFilesAsync(cancel)).Value;
        var back = (await client.DownloadFileAsync(file.Id, cancel)).Value;
        var deleted = (await client.DeleteFileAsync(file.Id, cancel)).Value;

        Assert.Equal(content.Length, file.SizeInBytesLong);
        Assert.Contains(listed, listedFile => listedFile.Id == file.Id);
        Assert.True(content.AsSpan().SequenceEqual(back));
        Assert.True(deleted.Deleted);
    }

    [Fact]
    public async Task A_deleted_file_is_the_upstreams_404()
    {
        var client = rig.OpenAI.GetOpenAIFileClient();

        var missing = await Assert.ThrowsAsync<ClientResultException>(
            () => client.GetFileAsync("file-that-never-was", TestContext.Current.CancellationToken));

        Assert.Equal(404, missing.Status);
    }

    [Fact]
    public async Task Speaks_and_listens()
    {
        var speech = await rig.OpenAI.GetAudioClient("tts-1").GenerateSpeechAsync(
            "Hello", GeneratedSpeechVoice.Alloy, cancellationToken: TestContext.Current.CancellationToken);
        var heard = await rig.OpenAI.GetAudioClient("whisper-1").TranscribeAudioAsync(
            speech.Value.ToStream(), "hello.mp3", cancellationToken: TestContext.Current.CancellationToken);

        Assert.False(speech.Value.ToMemory().IsEmpty);
        Assert.NotEmpty(heard.Value.Text);
    }

    private static CreateResponseOptions Question() => new()
    {
        Model = "gpt-4o-mini",
        InputItems = { ResponseItem.CreateUserMessageItem("Say hello") },
    };
}
