using System.Net.WebSockets;
using System.Text.Json;
using LlmProxy.Simulator.Language;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator.Endpoints;

/// <summary>
/// <c>/v1/realtime</c>: a conversation over a WebSocket. Answers <c>response.create</c> to what was said before it, and
/// sends binary messages back as they came.
/// </summary>
internal sealed class RealtimeSession
{
    private const int MessageBytesMax = 1024 * 1024;

    private readonly SimulatedCall _call;
    private readonly WebSocket _socket;
    private readonly string _model;

    private string _said = "";
    private int _tokensSaid;
    private int _responses;
    private int _events;

    private RealtimeSession(SimulatedCall call, WebSocket socket)
    {
        _call = call;
        _socket = socket;
        _model = call.Request.Query["model"].ToString() is { Length: > 0 } model ? model : "gpt-realtime";
    }

    public static async Task ServeAsync(SimulatedCall call)
    {
        if (!call.Http.WebSockets.IsWebSocketRequest)
        {
            await call.RefuseAsync(new(400, "invalid_request_error", "This endpoint takes a WebSocket upgrade only."));
            return;
        }

        // A browser offers its subprotocols in a list; like the provider, we know one of them.
        var protocol = call.Http.WebSockets.WebSocketRequestedProtocols
            .FirstOrDefault(static name => name == "realtime");
        using var socket = await call.Http.WebSockets.AcceptWebSocketAsync(protocol);
        await new RealtimeSession(call, socket).RunAsync();
    }

    private CancellationToken Aborted => _call.Http.RequestAborted;

    private async Task RunAsync()
    {
        await SendSessionAsync("session.created");
        var buffer = new byte[MessageBytesMax];
        while (_socket.State == WebSocketState.Open)
        {
            var length = 0;
            ValueWebSocketReceiveResult received;
            do
            {
                received = await _socket.ReceiveAsync(buffer.AsMemory(length), Aborted);
                length += received.Count;
            }
            while (!received.EndOfMessage && length < MessageBytesMax);

            if (received.MessageType == WebSocketMessageType.Close)
            {
                await CloseAsync(_socket.CloseStatus ?? WebSocketCloseStatus.NormalClosure, "");
            }
            else if (!received.EndOfMessage)
            {
                await CloseAsync(WebSocketCloseStatus.MessageTooBig, "The message is too large.");
            }
            else if (received.MessageType == WebSocketMessageType.Binary)
            {
                await _socket.SendAsync(buffer.AsMemory(0, length), WebSocketMessageType.Binary, true, Aborted);
            }
            else
            {
                await AnswerAsync(buffer.AsMemory(0, length));
            }
        }
    }

    private async Task AnswerAsync(ReadOnlyMemory<byte> message)
    {
        using var document = ReadableJson.Parse(message);
        await (document is null
            ? SendErrorAsync("invalid_json", "The message is not JSON.")
            : AnswerAsync(document.RootElement));
    }

    private Task AnswerAsync(JsonElement message) => Conversation.StringOf(message, "type"u8) switch
    {
        "session.update" => SendSessionAsync("session.updated"),
        "conversation.item.create" => AddItemAsync(new Fields(message).Optional("item")),
        "input_audio_buffer.append" => Task.CompletedTask,
        "input_audio_buffer.clear" => SendAsync("input_audio_buffer.cleared", static _ => { }),
        "input_audio_buffer.commit" => SendAsync("input_audio_buffer.committed", json =>
        {
            json.WriteNull("previous_item_id"u8);
            json.WriteString("item_id"u8, $"item_audio_{_events}");
        }),
        "response.create" => RespondAsync(new Fields(message).Optional("response")),
        "response.cancel" => SendErrorAsync("response_cancel_not_active", "No response is active."),
        var type => SendErrorAsync("invalid_value", $"Unknown message type '{type}'."),
    };

    private async Task AddItemAsync(JsonElement item)
    {
        if (item.ValueKind != JsonValueKind.Object)
        {
            await SendErrorAsync("missing_required_parameter", "Missing required parameter: 'item'.");
            return;
        }

        var text = Conversation.TextOf(item);
        _said = text.Length > 0 ? text : _said;
        _tokensSaid += Words.Count(text);
        foreach (var name in (string[])["conversation.item.added", "conversation.item.done"])
        {
            await SendAsync(name, json =>
            {
                json.WriteNull("previous_item_id"u8);
                json.WritePropertyName("item"u8);
                item.WriteTo(json);
            });
        }
    }

    private async Task RespondAsync(JsonElement options)
    {
        var wished = Conversation.StringOf(new Fields(options).Optional("metadata"), "usage"u8);
        if ((wished is null ? _call.Faults.Usage : UsageWish.Parse(wished)) is not { } wish)
        {
            await SendErrorAsync("invalid_value", "Invalid value for 'response.metadata.usage'.");
            return;
        }

        // The provider takes "inf" too, which is no limit.
        var most = new Fields(options).Optional("max_output_tokens");
        var conversation = new Conversation(_said, _tokensSaid, false);
        var question = new Question(_model, conversation)
        {
            WordCount = _call.Faults.Chunks,
            TokensMax = most.ValueKind == JsonValueKind.Number && most.TryGetInt32(out var limit)
                ? Math.Max(1, limit)
                : null,
        };
        var seed = Seed.Of(_said, ++_responses);
        var answer = Answer.To(question);
        var response = new ResponseRequest(
            seed.NextId("resp_"), seed.NextId("item_"), question, answer, IsStreamed: true)
        {
            Usage = wish.Of(new WordUsage(conversation.Tokens, answer.Tokens)),
        };
        _call.Charge(_model, response.Usage);
        await SendAsync(response);
        _call.Settle(isComplete: true);
        _call.Reply.CountWords(-_call.Reply.WordsWritten);
        _tokensSaid += answer.Tokens;
    }

    private async Task SendAsync(ResponseRequest response)
    {
        var text = response.Answer.Text;
        await SendAsync("response.created", json => WriteResponse(json, response, isFinal: false));
        await SendAsync("response.output_item.added", json => WriteItem(json, response, isDone: false));
        await SendAsync("response.content_part.added", json => WriteContent(json, response, ""));
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = Words.EndOfPiece(text, start);
            var piece = text[start..end];
            await SendAsync("response.output_text.delta", json => WriteText(json, response, "delta", piece));
            _call.Reply.CountWords(1);
        }

        await SendAsync("response.output_text.done", json => WriteText(json, response, "text", text));
        await SendAsync("response.content_part.done", json => WriteContent(json, response, text));
        await SendAsync("response.output_item.done", json => WriteItem(json, response, isDone: true));
        await SendAsync("response.done", json => WriteResponse(json, response, isFinal: true));
    }

    private static void WriteResponse(Utf8JsonWriter json, ResponseRequest response, bool isFinal)
    {
        json.WriteStartObject("response"u8);
        json.WriteString("object"u8, "realtime.response"u8);
        json.WriteString("id"u8, response.Id);
        json.WriteString("status"u8, isFinal ? response.FinalStatus : "in_progress");
        WriteStatusDetails(json, isFinal && response.Answer.IsCut);
        json.WriteStartArray("output"u8);
        if (isFinal)
        {
            response.WriteItem(json, isDone: true);
        }

        json.WriteEndArray();
        if (isFinal)
        {
            response.Usage.WriteForRealtime(json);
        }
        else
        {
            json.WriteNull("usage"u8);
        }

        json.WriteEndObject();
    }

    private static void WriteStatusDetails(Utf8JsonWriter json, bool isCut)
    {
        if (!isCut)
        {
            json.WriteNull("status_details"u8);
            return;
        }

        json.WriteStartObject("status_details"u8);
        json.WriteString("type"u8, "incomplete"u8);
        json.WriteString("reason"u8, "max_output_tokens"u8);
        json.WriteEndObject();
    }

    private static void WriteItem(Utf8JsonWriter json, ResponseRequest response, bool isDone)
    {
        json.WriteString("response_id"u8, response.Id);
        json.WriteNumber("output_index"u8, 0);
        json.WritePropertyName("item"u8);
        response.WriteItem(json, isDone);
    }

    private static void WriteContent(Utf8JsonWriter json, ResponseRequest response, string text)
    {
        WritePlace(json, response);
        json.WritePropertyName("part"u8);
        ResponseRequest.WritePart(json, text);
    }

    private static void WriteText(Utf8JsonWriter json, ResponseRequest response, string member, string text)
    {
        WritePlace(json, response);
        json.WriteString(member, text);
    }

    private static void WritePlace(Utf8JsonWriter json, ResponseRequest response)
    {
        json.WriteString("response_id"u8, response.Id);
        json.WriteString("item_id"u8, response.ItemId);
        json.WriteNumber("output_index"u8, 0);
        json.WriteNumber("content_index"u8, 0);
    }

    private Task SendSessionAsync(string name) => SendAsync(name, json =>
    {
        json.WriteStartObject("session"u8);
        json.WriteString("type"u8, "realtime"u8);
        json.WriteString("object"u8, "realtime.session"u8);
        json.WriteString("id"u8, "sess_simulator"u8);
        json.WriteString("model"u8, _model);
        json.WriteStartArray("output_modalities"u8);
        json.WriteStringValue("text"u8);
        json.WriteEndArray();
        json.WriteEndObject();
    });

    private Task SendErrorAsync(string code, string sentence) => SendAsync("error", json =>
    {
        json.WriteStartObject("error"u8);
        json.WriteString("type"u8, "invalid_request_error"u8);
        json.WriteString("code"u8, code);
        json.WriteString("message"u8, sentence);
        json.WriteNull("param"u8);
        json.WriteEndObject();
    });

    private async Task SendAsync(string name, Action<Utf8JsonWriter> writeRest)
    {
        using var buffer = JsonBuffer.Rent();
        buffer.Json.WriteStartObject();
        buffer.Json.WriteString("type"u8, name);
        buffer.Json.WriteString("event_id"u8, $"event_{++_events:x8}");
        writeRest(buffer.Json);
        buffer.Json.WriteEndObject();
        await _socket.SendAsync(buffer.Finish(), WebSocketMessageType.Text, true, Aborted);
    }

    private Task CloseAsync(WebSocketCloseStatus status, string reason) =>
        _socket.CloseAsync(status, reason, Aborted);
}
