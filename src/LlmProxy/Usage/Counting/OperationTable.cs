namespace LlmProxy.Usage.Counting;

/// <summary>
/// The operations of OpenAI's and Anthropic's published APIs that are not plain reads or deletions, by the end of their
/// path. <c>tests/openai-operations.txt</c> is the same list from the outside.
/// </summary>
internal static class OperationTable
{
    /// <summary>
    /// The first match counts: what runs a model stands before what does not, and a literal before <c>*</c>.
    /// </summary>
    public static OperationPattern[] Post { get; } =
    [
        Row("chat/completions", Metering.Reported, ModelPlace.Body, ApiShape.Chat),
        Row("responses", Metering.Reported, ModelPlace.Body, ApiShape.Responses),
        Row("embeddings", Metering.Reported, ModelPlace.Body, ApiShape.Embeddings),
        Row("responses/compact", Metering.Reported, ModelPlace.Body, ApiShape.Responses),
        Row("images/generations", Metering.Reported, ModelPlace.Body, ApiShape.Image),
        Row("images/edits", Metering.Reported, ModelPlace.Form, ApiShape.Image),
        Row("audio/transcriptions", Metering.Reported, ModelPlace.Form, ApiShape.Transcription),

        Row("uploads/*/complete", Metering.Free),

        // Their answers say nothing of usage.
        Row("images/variations", Metering.Opaque, ModelPlace.Form, ApiShape.Image),
        Row("audio/translations", Metering.Opaque, ModelPlace.Form, ApiShape.Transcription),
        Row("audio/speech", Metering.Opaque, ModelPlace.Body, ApiShape.Speech),
        Row("complete", Metering.Opaque, ModelPlace.Body),
        Row("videos", Metering.Opaque, ModelPlace.Form),
        Row("videos/*/remix", Metering.Opaque, ModelPlace.Elsewhere),
        Row("videos/edits", Metering.Opaque, ModelPlace.Elsewhere),
        Row("videos/extensions", Metering.Opaque, ModelPlace.Elsewhere),
        Row("videos/characters", Metering.Opaque, ModelPlace.Elsewhere),

        // They give somebody else the means to spend, or begin work that goes on after the answer.
        Row("realtime", Metering.Opaque, ModelPlace.Query, ApiShape.Realtime),
        Row("realtime/client_secrets", Metering.Opaque, ModelPlace.Nested, ApiShape.Realtime),
        Row("realtime/sessions", Metering.Opaque, ModelPlace.Body, ApiShape.Realtime),
        Row("realtime/transcription_sessions", Metering.Opaque, ModelPlace.Elsewhere, ApiShape.Realtime),
        Row("realtime/calls", Metering.Opaque, ModelPlace.Elsewhere, ApiShape.Realtime),
        Row("realtime/calls/*/accept", Metering.Opaque, ModelPlace.Body, ApiShape.Realtime),
        Row("realtime/translations/client_secrets", Metering.Opaque, ModelPlace.Nested, ApiShape.Realtime),
        Row("realtime/translations/calls", Metering.Opaque, ModelPlace.Elsewhere, ApiShape.Realtime),
        Row("chatkit/sessions", Metering.Opaque, ModelPlace.Elsewhere),
        Row("messages/batches", Metering.Opaque, ModelPlace.Elsewhere),
        Row("batches", Metering.Opaque, ModelPlace.Elsewhere),
        Row("fine_tuning/jobs", Metering.Opaque, ModelPlace.Body),
        Row("fine_tuning/jobs/*/resume", Metering.Opaque, ModelPlace.Elsewhere),
        Row("fine_tuning/alpha/graders/run", Metering.Opaque, ModelPlace.Elsewhere),
        Row("evals/*/runs", Metering.Opaque, ModelPlace.Elsewhere),
        Row("threads/runs", Metering.Opaque, ModelPlace.Elsewhere),
        Row("threads/*/runs", Metering.Opaque, ModelPlace.Elsewhere),
        Row("threads/*/runs/*/submit_tool_outputs", Metering.Opaque, ModelPlace.Elsewhere),

        Row("threads/*/messages", Metering.Free),
        Row("messages", Metering.Reported, ModelPlace.Body, ApiShape.Messages),
        Row("chat/completions/*", Metering.Free),
        Row("completions", Metering.Reported, ModelPlace.Body, ApiShape.Completions),

        Row("messages/count_tokens", Metering.Free, ModelPlace.Body, ApiShape.Messages),
        Row("responses/input_tokens", Metering.Free, ModelPlace.Body, ApiShape.Responses),
        Row("moderations", Metering.Free, ModelPlace.Body, ApiShape.Moderation),
        Row("assistants", Metering.Free, ModelPlace.Body),
        Row("assistants/*", Metering.Free, ModelPlace.Body),
        Row("responses/*/cancel", Metering.Free),
        Row("conversations", Metering.Free),
        Row("conversations/*", Metering.Free),
        Row("conversations/*/items", Metering.Free),
        Row("audio/voices", Metering.Free),
        Row("audio/voice_consents", Metering.Free),
        Row("audio/voice_consents/*", Metering.Free),
        Row("realtime/calls/*/hangup", Metering.Free),
        Row("realtime/calls/*/refer", Metering.Free),
        Row("realtime/calls/*/reject", Metering.Free),
        Row("vector_stores", Metering.Free),
        Row("vector_stores/*", Metering.Free),
        Row("vector_stores/*/search", Metering.Free),
        Row("vector_stores/*/files", Metering.Free),
        Row("vector_stores/*/files/*", Metering.Free),
        Row("vector_stores/*/file_batches", Metering.Free),
        Row("vector_stores/*/file_batches/*/cancel", Metering.Free),
        Row("containers", Metering.Free),
        Row("containers/*/files", Metering.Free),
        Row("files", Metering.Free),
        Row("uploads", Metering.Free),
        Row("uploads/*/parts", Metering.Free),
        Row("uploads/*/cancel", Metering.Free),
        Row("batches/*/cancel", Metering.Free),
        Row("fine_tuning/jobs/*/cancel", Metering.Free),
        Row("fine_tuning/jobs/*/pause", Metering.Free),
        Row("fine_tuning/checkpoints/*/permissions", Metering.Free),
        Row("fine_tuning/alpha/graders/validate", Metering.Free),
        Row("evals", Metering.Free),
        Row("evals/*", Metering.Free),
        Row("evals/*/runs/*", Metering.Free),
        Row("threads", Metering.Free),
        Row("threads/*", Metering.Free),
        Row("threads/*/messages/*", Metering.Free),
        Row("threads/*/runs/*", Metering.Free),
        Row("threads/*/runs/*/cancel", Metering.Free),
        Row("chatkit/sessions/*/cancel", Metering.Free),
        Row("skills", Metering.Free),
        Row("skills/*", Metering.Free),
        Row("skills/*/versions", Metering.Free),
    ];

    /// <summary>Every other GET only reads.</summary>
    public static OperationPattern[] WebSockets { get; } =
    [
        Row("realtime", Metering.Reported, ModelPlace.Query, ApiShape.Realtime),
        Row("realtime/translations", Metering.Opaque, ModelPlace.Query, ApiShape.Realtime),
        Row("live/sessions", Metering.Opaque, ModelPlace.Elsewhere),
        Row("v1/responses", Metering.Opaque, ModelPlace.Elsewhere, ApiShape.Responses),
    ];

    /// <summary>Null when no pattern fits.</summary>
    public static ApiOperation? Find(OperationPattern[] table, ReadOnlySpan<char> path)
    {
        foreach (var row in table)
        {
            if (row.IsEndOf(path))
            {
                return row.Operation;
            }
        }

        return null;
    }

    private static OperationPattern Row(
        string end, Metering metering, ModelPlace model = ModelPlace.None, ApiShape shape = ApiShape.Other) =>
        new(end, new ApiOperation(shape, metering, model));
}

/// <summary>One row of <see cref="OperationTable"/>.</summary>
/// <param name="End">The last segments of the path; <c>*</c> is any one that is not empty.</param>
/// <param name="Operation">What such a request does.</param>
internal sealed record OperationPattern(string End, ApiOperation Operation)
{
    /// <summary>From the right, because paths differ in their prefixes.</summary>
    public bool IsEndOf(ReadOnlySpan<char> path)
    {
        var pattern = End.AsSpan();
        while (true)
        {
            var slash = path.LastIndexOf('/');
            if (slash < 0)
            {
                return false;
            }

            var cut = pattern.LastIndexOf('/');
            var segment = path[(slash + 1)..];
            var expected = pattern[(cut + 1)..];
            if (expected is "*" ? segment.IsEmpty : !segment.SequenceEqual(expected))
            {
                return false;
            }

            if (cut < 0)
            {
                return true;
            }

            path = path[..slash];
            pattern = pattern[..cut];
        }
    }
}
