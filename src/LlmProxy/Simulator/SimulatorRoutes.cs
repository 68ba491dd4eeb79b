using System.Text.Json;
using LlmProxy.Simulator.Endpoints;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator;

/// <summary>Which path leads to which endpoint. A switch: a routing table costs more than the answers do.</summary>
internal sealed class SimulatorRoutes
{
    public const string Realtime = "/v1/realtime";
    public const string Stats = "/v1/simulator/stats";
    public const string Bill = "/v1/simulator/bill";

    private readonly Traffic _traffic;
    private readonly Bill _bill;
    private readonly FilesApi _files;
    private readonly UploadsApi _uploads;
    private readonly BatchesApi _batches;

    public SimulatorRoutes(Traffic traffic, Bill bill)
    {
        (_traffic, _bill) = (traffic, bill);
        var shelf = new Shelf<StoredFile>(FilesApi.FilesMax);
        _files = new(shelf);
        _uploads = new(shelf);
        _batches = new(shelf);
    }

    public Task AnswerAsync(SimulatedCall call) => call.Path switch
    {
        "/v1/chat/completions" => Post(call, ChatCompletions.AnswerAsync),
        "/v1/completions" => Post(call, Completions.AnswerAsync),
        "/v1/responses" => Post(call, Responses.AnswerAsync),
        "/v1/messages" => Post(call, Messages.AnswerAsync),
        "/v1/messages/count_tokens" => Post(call, Messages.CountTokensAsync),
        "/v1/embeddings" => Post(call, Embeddings.AnswerAsync),
        "/v1/moderations" => Post(call, Moderations.AnswerAsync),
        "/v1/models" => Get(call, Models.ListAsync),
        "/v1/images/generations" => Post(call, Images.GenerateAsync),
        "/v1/images/edits" or "/v1/images/variations" => Post(call, Images.EditAsync),
        "/v1/audio/speech" => Post(call, Speech.AnswerAsync),
        "/v1/audio/transcriptions" => Post(call, Transcriptions.AnswerAsync),
        "/v1/audio/translations" => Post(call, Transcriptions.AnswerAsync),
        Realtime => Get(call, RealtimeSession.ServeAsync),
        Stats => CountsAsync(call, _traffic.Reset, _traffic.Write),
        Bill => CountsAsync(call, _bill.Reset, _bill.Write),
        "/v1/simulator/echo" => Mirror.EchoAsync(call),
        "/v1/simulator/mirror" => Post(call, Mirror.ReflectAsync),
        _ => AnswerBelowAsync(call),
    };

    private Task AnswerBelowAsync(SimulatedCall call) => call.Path.Split('/') switch
    {
        ["", "v1", "models", var id] => Get(call, call => Models.FindAsync(call, id)),
        ["", "v1", "files"] => call.Request.Method == "POST" ? _files.UploadAsync(call) : Get(call, _files.ListAsync),
        ["", "v1", "files", var id] =>
            call.Request.Method == "DELETE"
                ? _files.DeleteAsync(call, id)
                : Get(call, call => _files.FindAsync(call, id)),
        ["", "v1", "files", var id, "content"] => Get(call, call => _files.ReadAsync(call, id)),
        ["", "v1", "uploads"] => Post(call, _uploads.CreateAsync),
        ["", "v1", "uploads", var id, "parts"] => Post(call, call => _uploads.AddPartAsync(call, id)),
        ["", "v1", "uploads", var id, "complete"] => Post(call, call => _uploads.CompleteAsync(call, id)),
        ["", "v1", "uploads", var id, "cancel"] => Post(call, call => _uploads.CancelAsync(call, id)),
        ["", "v1", "batches"] =>
            call.Request.Method == "POST" ? _batches.CreateAsync(call) : Get(call, _batches.ListAsync),
        ["", "v1", "batches", var id] => Get(call, call => _batches.FindAsync(call, id)),
        ["", "v1", "batches", var id, "cancel"] => Post(call, call => _batches.CancelAsync(call, id)),
        ["", "v1", "simulator", "bytes", var count] => Get(call, call => Mirror.SendBytesAsync(call, count)),
        ["", "v1", "simulator", "status", var code] => Mirror.SendStatusAsync(call, code),
        _ => call.RefuseAsync(ApiError.UnknownPath(call.Request)),
    };

    private static Task CountsAsync(SimulatedCall call, Action reset, Action<Utf8JsonWriter> write)
    {
        if (call.Request.Method == "DELETE")
        {
            reset();
            call.Response.StatusCode = StatusCodes.Status204NoContent;
            return Task.CompletedTask;
        }

        return Get(call, call => call.SendJsonAsync(write, static (json, write) => write(json)));
    }

    private static Task Get(SimulatedCall call, Func<SimulatedCall, Task> answer) =>
        call.Request.Method == "GET" ? answer(call) : RefuseMethodAsync(call, "GET");

    private static Task Post(SimulatedCall call, Func<SimulatedCall, Task> answer) =>
        call.Request.Method == "POST" ? answer(call) : RefuseMethodAsync(call, "POST");

    private static Task RefuseMethodAsync(SimulatedCall call, string allowed)
    {
        call.Response.Headers.Allow = allowed;
        return call.RefuseAsync(ApiError.WrongMethod(call.Request));
    }
}
