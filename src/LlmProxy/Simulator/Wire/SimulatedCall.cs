using System.Text.Json;

namespace LlmProxy.Simulator.Wire;

/// <summary>One request to the simulator and the way to answer it.</summary>
internal sealed class SimulatedCall
{
    private readonly Bill _bill;
    private Charge? _charge;

    public SimulatedCall(HttpContext http, Faults faults, long number, Bill bill, TimeProvider clock)
    {
        _bill = bill;
        Http = http;
        Faults = faults;
        Path = http.Request.Path.Value ?? "";
        IsAnthropic = Path.StartsWith("/v1/messages", StringComparison.Ordinal);
        Body = faults.ReadDelay == TimeSpan.Zero
            ? http.Request.Body
            : new SlowStream(http.Request.Body, faults.ReadDelay, clock, http.RequestAborted);
        Reply = new(http, faults, new(IsAnthropic, number), clock);
    }

    public HttpContext Http { get; }

    public HttpRequest Request => Http.Request;

    public HttpResponse Response => Http.Response;

    public Faults Faults { get; }

    public string Path { get; }

    /// <summary>The request's body, at the pace that the request asks for.</summary>
    public Stream Body { get; }

    public ReplyBody Reply { get; }

    /// <summary>Errors and headers have Anthropic's shape.</summary>
    public bool IsAnthropic { get; }

    /// <summary>What the answer costs, once it is clear that there will be one.</summary>
    public void Charge(string model, WordUsage usage, bool isTold = true) => _charge = new(model, usage, isTold);

    /// <summary>Puts on the bill what was charged: whole, or as much as was delivered.</summary>
    public void Settle(bool isComplete)
    {
        if (_charge is null)
        {
            return;
        }

        if (isComplete)
        {
            _bill.Add(_charge);
        }
        else
        {
            _bill.AddAborted(_charge, Reply.WordsWritten);
        }

        _charge = null;
    }

    public string? Header(string name) => Request.Headers.TryGetValue(name, out var values) ? (string?)values : null;

    /// <summary>Answers 200 with what <paramref name="write"/> writes.</summary>
    public async Task SendJsonAsync<TState>(TState state, Action<Utf8JsonWriter, TState> write)
    {
        using var buffer = JsonBuffer.Rent();
        write(buffer.Json, state);
        Response.ContentType = "application/json";
        await Reply.SendAsync(buffer.Finish());
    }

    public async Task SendAsync(string contentType, ReadOnlyMemory<byte> bytes)
    {
        Response.ContentType = contentType;
        await Reply.SendAsync(bytes);
    }

    public async Task RefuseAsync(ApiError error)
    {
        _charge = null;
        Response.StatusCode = error.Status;
        await SendJsonAsync((error, IsAnthropic), static (json, it) => it.error.Write(json, it.IsAnthropic));
    }

    /// <summary>The request's JSON object, or null when the request was refused for it.</summary>
    public async ValueTask<JsonBody?> ReadJsonAsync()
    {
        var (body, error) = await JsonBody.ReadAsync(this);
        if (error is not null)
        {
            await RefuseAsync(error);
        }

        return body;
    }
}
