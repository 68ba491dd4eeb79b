using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json;

namespace LlmProxy.Cli;

/// <summary>How each message of a chat is asked.</summary>
internal sealed record ChatStyle(string Model, double? Temperature, long? MaxTokens, bool Streams);

/// <summary>
/// Asks for one answer of a chat and passes its text on as it comes. An answer that does not end as it should is a
/// <see cref="CommandFailure"/>, however much of it was seen.
/// </summary>
internal sealed class ChatClient(ApiClient api, ChatStyle style)
{
    private const int AnswerBytesMax = 16 * 1024 * 1024;

    /// <summary>The whole text of the answer, which <paramref name="show"/> has been given piece by piece.</summary>
    public async Task<ChatReply> AskAsync(
        IReadOnlyList<ChatMessage> messages, Action<string> show, CancellationToken stop)
    {
        var request = new ChatRequest(style.Model, messages, style.Temperature, style.MaxTokens, style.Streams);
        using var response = await api.OpenAsync(
            HttpMethod.Post, "v1/chat/completions", JsonContent.Create(request, CliJson.Default.ChatRequest), stop);

        // A provider may answer a streamed request at once; what it says it sends counts.
        return response.Content.Headers.ContentType?.MediaType == "text/event-stream"
            ? await ReadStreamAsync(response, show, stop)
            : await ReadWholeAsync(response, show, stop);
    }

    private async Task<ChatReply> ReadWholeAsync(
        HttpResponseMessage response, Action<string> show, CancellationToken stop)
    {
        var json = await api.GuardAsync(
            async token =>
            {
                await response.Content.LoadIntoBufferAsync(AnswerBytesMax, token);
                return await response.Content.ReadAsByteArrayAsync(token);
            },
            stop);
        if (Parse(json)?.Choices is not [{ Message: { } message } choice, ..])
        {
            throw Broken("answered without a message");
        }

        var text = message.Content ?? message.Refusal ?? string.Empty;
        show(text);
        return new ChatReply(text, choice.FinishReason);
    }

    private async Task<ChatReply> ReadStreamAsync(
        HttpResponseMessage response, Action<string> show, CancellationToken stop)
    {
        await using var body = await response.Content.ReadAsStreamAsync(stop);
        await using var events = SseParser.Create(body, static (_, bytes) => bytes.ToArray())
            .EnumerateAsync(stop).GetAsyncEnumerator(stop);
        var text = new StringBuilder();
        string? finishReason = null;
        while (await api.GuardAsync(_ => events.MoveNextAsync().AsTask().WaitAsync(_), stop))
        {
            var data = events.Current.Data;
            if (data.AsSpan().SequenceEqual("[DONE]"u8))
            {
                return new ChatReply(text.ToString(), finishReason);
            }

            var answer = Parse(data);
            if (answer?.Choices is null)
            {
                throw ApiFailure.Describe(data) is { } error
                    ? new CommandFailure(ExitCode.Network, error)
                    : Broken("sent an event that is not understood");
            }

            if (answer.Choices is [var choice, ..])
            {
                var piece = choice.Delta?.Content ?? choice.Delta?.Refusal ?? string.Empty;
                text.Append(piece);
                show(piece);
                finishReason = choice.FinishReason ?? finishReason;
            }
        }

        throw Broken("ended the answer before its end");
    }

    private static ChatAnswer? Parse(byte[] json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, CliJson.Default.ChatAnswer);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private CommandFailure Broken(string what) =>
        new(ExitCode.Network, $"{api.Server.GetLeftPart(UriPartial.Authority)} {what}.");
}

/// <summary>A complete answer and why it ended there.</summary>
internal sealed record ChatReply(string Text, string? FinishReason);
