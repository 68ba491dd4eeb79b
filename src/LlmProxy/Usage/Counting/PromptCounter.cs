using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace LlmProxy.Usage.Counting;

/// <summary>How many tokens a request's prompt has.</summary>
/// <param name="Tokens">What was counted.</param>
/// <param name="IsWhole">
/// All of the prompt was there and was counted by the published rules of its model. False: something could only be
/// bounded or guessed, or the provider adds something that is not in the request.
/// </param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct PromptCount(long Tokens, bool IsWhole);

/// <summary>
/// Counts the prompt of a request with the model's own tokenizer. CPU work for the thread pool, never for a thread that
/// serves connections: about 0.1 ms for 10 KB of prose, and a few seconds for 32 MiB of the worst there is.
/// </summary>
internal static class PromptCounter
{
    // What is added to a prompt whatever is in it: the start of the reply, and the end of the tools' namespace.
    private const int Fixed = 32;

    // Anthropic's own words about tools, in the model that has most of them.
    private const int FixedForAnthropic = 1024;

    /// <summary>
    /// A bound that needs no tokenizer: no token is shorter than a byte, JSON takes more bytes than the text in it, and
    /// more for each message, tool and property than their overhead in tokens. Only for a prompt that is text and all
    /// there: <see cref="RequestFacts.HasUnseenContext"/> is false and <see cref="RequestFacts.Images"/> 0.
    /// </summary>
    public static long UpperBound(ApiShape shape, long bodyBytes) =>
        bodyBytes + (shape == ApiShape.Messages ? FixedForAnthropic : Fixed);

    /// <summary>Never throws; a body that is no JSON is as many tokens as bytes.</summary>
    public static PromptCount Count(ApiShape shape, string? model, in ReadOnlySequence<byte> body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return Count(shape, model, document.RootElement);
            }
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            // Not JSON, or half a surrogate pair in a name; counted below.
        }

        return new PromptCount(body.Length, IsWhole: false);
    }

    private static PromptCount Count(ApiShape shape, string? model, JsonElement body)
    {
        var tally = new PromptTally(model, shape == ApiShape.Messages);
        switch (shape)
        {
            case ApiShape.Chat:
                new ChatPrompt(tally).Add(body);
                break;
            case ApiShape.Responses:
                new ResponsePrompt(tally).Add(body);
                break;
            case ApiShape.Messages:
                new MessagePrompt(tally).Add(body);
                break;
            case ApiShape.Completions:
                tally.AddPrompts(body, "prompt");
                break;
            case ApiShape.Embeddings:
                tally.AddPrompts(body, "input");
                break;
            case ApiShape.Image:
                tally.AddPrompts(body, "prompt");
                tally.IsWhole = false;
                break;
            default:
                return new PromptCount(JsonMarshal.GetRawUtf8Value(body).Length, IsWhole: false);
        }

        return new PromptCount(tally.Tokens, tally.IsWhole);
    }
}
