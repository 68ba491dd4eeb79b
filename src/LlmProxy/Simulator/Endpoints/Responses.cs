using System.Text.Json;
using LlmProxy.Simulator.Language;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator.Endpoints;

/// <summary><c>/v1/responses</c>, whole or as its sequence of named events.</summary>
internal static class Responses
{
    public static async Task AnswerAsync(SimulatedCall call)
    {
        using var body = await call.ReadJsonAsync();
        if (body is null)
        {
            return;
        }

        if (ResponseRequest.Read(body.Root, call.Faults, out var error) is not { } request)
        {
            await call.RefuseAsync(error!);
            return;
        }

        if (request.IsInBackground && !request.IsStreamed)
        {
            await call.SendJsonAsync(request, static (json, request) => request.Write(json, "queued", false, null));
            return;
        }

        call.Charge(request.Question.Model, request.Usage);
        await (request.IsStreamed
            ? StreamAsync(call, request)
            : call.SendJsonAsync(request, static (json, request) => request.Write(json, isFinal: true)));
    }

    /// <summary>The whole answer to a request that lies in a batch; the error when it is not one.</summary>
    public static ApiError? Write(Utf8JsonWriter json, JsonElement root)
    {
        ResponseRequest.Read(root, Faults.None, out var error)?.Write(json, isFinal: true);
        return error;
    }

    private static async Task StreamAsync(SimulatedCall call, ResponseRequest request)
    {
        using var stream = new EventStream(call);
        var events = new Sequence(stream, request);
        await events.SendResponseAsync("response.created", "in_progress", null);
        await events.SendResponseAsync("response.in_progress", "in_progress", null);
        await events.SendItemAsync("response.output_item.added", isDone: false);
        await (request.Question.Tool is { } tool
            ? events.SendArgumentsAsync(tool.Arguments)
            : events.SendTextAsync(request.Answer.Text));
        await events.SendItemAsync("response.output_item.done", isDone: true);
        var isUsageLate = request.Usage.Form == UsageForm.AfterEnd;
        var end = $"response.{request.FinalStatus}";
        await events.SendResponseAsync(end, request.FinalStatus, isUsageLate ? null : request.Usage);
        if (isUsageLate)
        {
            await events.SendResponseAsync(end, request.FinalStatus, request.Usage);
        }

        await stream.EndAsync();
    }

    /// <summary>Numbers the events and writes what each kind of them holds.</summary>
    private sealed class Sequence(EventStream stream, ResponseRequest request)
    {
        private int _next;

        public ValueTask SendResponseAsync(string name, string status, WordUsage? usage)
        {
            var json = Begin(name);
            json.WritePropertyName("response"u8);
            request.Write(json, status, isFinal: status != "in_progress", usage);
            return EndAsync(json);
        }

        public ValueTask SendItemAsync(string name, bool isDone)
        {
            var json = Begin(name);
            json.WriteNumber("output_index"u8, 0);
            json.WritePropertyName("item"u8);
            request.WriteItem(json, isDone);
            return EndAsync(json);
        }

        public async Task SendTextAsync(string text)
        {
            await SendPartAsync("response.content_part.added", "");
            for (int start = 0, end; start < text.Length; start = end)
            {
                end = Words.EndOfPiece(text, start);
                await SendTextEventAsync("response.output_text.delta", "delta", text[start..end], words: 1);
                if (request.Usage.Form == UsageForm.Early)
                {
                    var soFar = request.Usage with { Output = stream.Words };
                    await SendResponseAsync("response.in_progress", "in_progress", soFar);
                }
            }

            await SendTextEventAsync("response.output_text.done", "text", text);
            await SendPartAsync("response.content_part.done", text);
        }

        public async Task SendArgumentsAsync(string arguments)
        {
            var words = request.Answer.Tokens;
            await SendArgumentsEventAsync("response.function_call_arguments.delta", "delta", arguments, words);
            await SendArgumentsEventAsync("response.function_call_arguments.done", "arguments", arguments, words: 0);
        }

        private ValueTask SendPartAsync(string name, string text)
        {
            var json = BeginContent(name);
            json.WritePropertyName("part"u8);
            ResponseRequest.WritePart(json, text);
            return EndAsync(json);
        }

        private ValueTask SendTextEventAsync(string name, string member, string text, int words = 0)
        {
            var json = BeginContent(name);
            json.WriteString(member, text);
            json.WriteStartArray("logprobs"u8);
            json.WriteEndArray();
            return EndAsync(json, words);
        }

        private ValueTask SendArgumentsEventAsync(string name, string member, string text, int words)
        {
            var json = Begin(name);
            json.WriteString("item_id"u8, request.ItemId);
            json.WriteNumber("output_index"u8, 0);
            json.WriteString(member, text);
            return EndAsync(json, words);
        }

        private Utf8JsonWriter BeginContent(string name)
        {
            var json = Begin(name);
            json.WriteString("item_id"u8, request.ItemId);
            json.WriteNumber("output_index"u8, 0);
            json.WriteNumber("content_index"u8, 0);
            return json;
        }

        private Utf8JsonWriter Begin(string name)
        {
            var json = stream.Begin(name);
            json.WriteStartObject();
            json.WriteString("type"u8, name);
            json.WriteNumber("sequence_number"u8, _next++);
            return json;
        }

        private ValueTask EndAsync(Utf8JsonWriter json, int words = 0)
        {
            json.WriteEndObject();
            return stream.SendAsync(words);
        }
    }
}
