using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace LlmProxy.Tests.Cli;

/// <summary>A proxy on loopback with a model behind it, which answers as each test scripts it.</summary>
internal sealed class FakeModel : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Queue<Func<HttpContext, Task>> _answers = new();

    private FakeModel()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.Run(async http =>
        {
            Received.Add((JsonObject)(await JsonNode.ParseAsync(http.Request.Body))!);
            (Path, Authorization) = (http.Request.Path, http.Request.Headers.Authorization!);
            await _answers.Dequeue()(http);
        });
    }

    public string Address { get; private set; } = null!;

    public List<JsonObject> Received { get; } = [];

    public string? Path { get; private set; }

    public string? Authorization { get; private set; }

    public static async Task<FakeModel> StartAsync()
    {
        var model = new FakeModel();
        await model._app.StartAsync();
        model.Address = model._app.Urls.First();
        return model;
    }

    /// <summary>A streamed answer whose events are given as they go over the wire.</summary>
    public FakeModel Streams(params string[] events) => Answers(async http =>
    {
        http.Response.ContentType = "text/event-stream; charset=utf-8";
        foreach (var data in events)
        {
            await http.Response.WriteAsync($"data: {data}\n\n");
            await http.Response.Body.FlushAsync();
        }
    });

    public FakeModel Says(string text) => Streams(Piece(text), "[DONE]");

    public FakeModel Answers(int status, string body) => Answers(http =>
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync(body);
    });

    public FakeModel Answers(Func<HttpContext, Task> answer)
    {
        _answers.Enqueue(answer);
        return this;
    }

    /// <summary>One event with a piece of the text.</summary>
    public static string Piece(string text, string? finishReason = null) => new JsonObject
    {
        ["choices"] = new JsonArray(new JsonObject
        {
            ["delta"] = new JsonObject { ["content"] = text },
            ["finish_reason"] = finishReason,
        }),
    }.ToJsonString();

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
