using System.Text;
using System.Text.Json;
using LlmProxy.Simulator.Language;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator.Endpoints;

/// <summary>
/// <c>/v1/batches</c>. A batch moves on each time it is asked for: validating when made, then in progress, then
/// completed, with an answer to every line in its output file.
/// </summary>
internal sealed class BatchesApi(Shelf<StoredFile> files)
{
    private const int BatchesMax = 64;
    private const int LinesMax = 1000;

    private readonly Shelf<Batch> _batches = new(BatchesMax);

    public async Task CreateAsync(SimulatedCall call)
    {
        using var body = await call.ReadJsonAsync();
        if (body is null)
        {
            return;
        }

        var fields = new Fields(body.Root);
        var input = fields.RequiredText("input_file_id");
        var endpoint = fields.RequiredText("endpoint");
        var window = fields.RequiredText("completion_window");
        if (fields.Error is null && WriterOf(endpoint) is null)
        {
            await call.RefuseAsync(ApiError.InvalidValue("endpoint", "an endpoint that batches can use"));
        }
        else if (fields.Error is null && files.Find(input) is not { Content: not null })
        {
            await call.RefuseAsync(ApiError.NotFound("readable file", input));
        }
        else
        {
            await (fields.Error is { } error
                ? call.RefuseAsync(error)
                : SendAsync(call, _batches.Add("batch_", id => new(id, input, endpoint, window, "validating"))));
        }
    }

    public Task ListAsync(SimulatedCall call) => call.SendJsonAsync(_batches.Newest, static (json, batches) =>
        ListPage.Write(json, batches, static batch => batch.Id, static (json, batch) => batch.Write(json)));

    public Task FindAsync(SimulatedCall call, string id) =>
        _batches.Change(id, Advance) is { } batch ? SendAsync(call, batch) : RefuseAsync(call, id);

    public Task CancelAsync(SimulatedCall call, string id)
    {
        var batch = _batches.Change(id, static batch =>
            batch.Status == "completed" ? batch : batch with { Status = "cancelled" });
        return batch is null ? RefuseAsync(call, id) : SendAsync(call, batch);
    }

    private Batch Advance(Batch batch) => batch.Status switch
    {
        "validating" => batch with { Status = "in_progress" },
        "in_progress" => Complete(batch),
        _ => batch,
    };

    private Batch Complete(Batch batch)
    {
        if (files.Find(batch.InputFileId)?.Content is not { } input)
        {
            return batch with { Status = "failed" };
        }

        var lines = Encoding.UTF8.GetString(input).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        using var output = JsonBuffer.Rent();
        var failed = 0;
        var total = Math.Min(lines.Length, LinesMax);
        for (var i = 0; i < total; i++)
        {
            failed += WriteLine(output, batch.Endpoint, lines[i], i) ? 0 : 1;
            output.EndLine();
        }

        var bytes = output.Finish().ToArray();
        var file = files.Add(FilesApi.IdPrefix, id =>
            new(id, $"{batch.Id}_output.jsonl", "batch_output", bytes.Length, null, bytes));
        return batch with { Status = "completed", OutputFileId = file.Id, Total = total, Failed = failed };
    }

    private static bool WriteLine(JsonBuffer output, string endpoint, string line, int index)
    {
        using var answer = JsonBuffer.Rent();
        var error = Answer(answer.Json, endpoint, line, out var customId);
        var json = output.Json;
        json.WriteStartObject();
        json.WriteString("id"u8, $"batch_req_{index:x8}");
        json.WriteString("custom_id"u8, customId);
        json.WriteStartObject("response"u8);
        json.WriteNumber("status_code"u8, error?.Status ?? 200);
        json.WriteString("request_id"u8, $"req_batch_{index:x8}");
        json.WritePropertyName("body"u8);
        if (error is null)
        {
            json.WriteRawValue(answer.Finish().Span);
        }
        else
        {
            error.Write(json, asAnthropic: false);
        }

        json.WriteEndObject();
        json.WriteNull("error"u8);
        json.WriteEndObject();
        return error is null;
    }

    private static ApiError? Answer(Utf8JsonWriter answer, string endpoint, string line, out string? customId)
    {
        customId = null;
        try
        {
            using var document = JsonDocument.Parse(line);
            customId = Conversation.StringOf(document.RootElement, "custom_id"u8);
            return WriterOf(endpoint)!(answer, new Fields(document.RootElement).Optional("body"));
        }
        catch (JsonException)
        {
            return ApiError.UnreadableBody;
        }
    }

    private static Func<Utf8JsonWriter, JsonElement, ApiError?>? WriterOf(string endpoint) => endpoint switch
    {
        "/v1/chat/completions" => ChatCompletions.Write,
        "/v1/completions" => Completions.Write,
        "/v1/responses" => Responses.Write,
        "/v1/embeddings" => Embeddings.Write,
        _ => null,
    };

    private static Task SendAsync(SimulatedCall call, Batch batch) =>
        call.SendJsonAsync(batch, static (json, batch) => batch.Write(json));

    private static Task RefuseAsync(SimulatedCall call, string id) => call.RefuseAsync(ApiError.NotFound("batch", id));

    private sealed record Batch(string Id, string InputFileId, string Endpoint, string Window, string Status)
    {
        public string? OutputFileId { get; init; }

        public int Total { get; init; }

        public int Failed { get; init; }

        public void Write(Utf8JsonWriter json)
        {
            json.WriteStartObject();
            json.WriteString("id"u8, Id);
            json.WriteString("object"u8, "batch"u8);
            json.WriteString("endpoint"u8, Endpoint);
            json.WriteNull("errors"u8);
            json.WriteString("input_file_id"u8, InputFileId);
            json.WriteString("completion_window"u8, Window);
            json.WriteString("status"u8, Status);
            json.WriteString("output_file_id"u8, OutputFileId);
            json.WriteNull("error_file_id"u8);
            json.WriteNumber("created_at"u8, Origin.UnixSeconds);
            json.WriteStartObject("request_counts"u8);
            json.WriteNumber("total"u8, Total);
            json.WriteNumber("completed"u8, Total - Failed);
            json.WriteNumber("failed"u8, Failed);
            json.WriteEndObject();
            json.WriteEndObject();
        }
    }
}
