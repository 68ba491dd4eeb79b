using System.Globalization;

namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>A line of <c>tests/openai-operations.txt</c>, in one of the ways in which a client may send it.</summary>
/// <param name="Method">The method.</param>
/// <param name="Path">The path with its placeholders filled in, and its query.</param>
/// <param name="Metering"><c>free</c>, <c>reported</c> or <c>opaque</c>.</param>
/// <param name="Model">Where the model is named; <c>none</c> when none runs.</param>
/// <param name="Body">The body; null for none.</param>
/// <param name="Lines">Header lines.</param>
internal sealed record PublishedOperation(
    string Method, string Path, string Metering, string Model, string? Body, IReadOnlyList<string> Lines)
{
    /// <summary>The model that every operation names that names one.</summary>
    public const string ModelName = "gpt-4o-mini";

    private const string Boundary = "----a-boundary";

    private static readonly string[] UpgradeLines =
    [
        "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];

    /// <summary>As the provider sees it: without its own name.</summary>
    public string PathAtProvider =>
        Path.StartsWith("/openai/", StringComparison.Ordinal) ? Path["/openai".Length..] : Path;

    public bool IsUpgrade => Lines.Contains("Upgrade: websocket", StringComparer.Ordinal);

    /// <summary>
    /// Every published operation as it is, with the provider's name before it, as a stream where a body can ask for
    /// one, as a WebSocket where it is one, and as a HEAD where it is a GET.
    /// </summary>
    public static async Task<IReadOnlyList<PublishedOperation>> AllAsync()
    {
        var text = await File.ReadAllTextAsync(
            System.IO.Path.Combine(Executable.RepositoryRoot, "tests", "openai-operations.txt"),
            TestContext.Current.CancellationToken);
        var words = text.Split('\n').Where(static line => line.Length > 0 && line[0] != '#')
            .Select(static line => line.Split(' '));
        return [.. words.SelectMany(static line => WaysToSend(line[0], Fill(line[1]), line[2], line[3]))];
    }

    /// <summary>The request, with a token.</summary>
    public string Request(ProxyProcess proxy, string secret)
    {
        var length = (Body?.Length ?? 0).ToString(CultureInfo.InvariantCulture);
        return proxy.Head(Method, Path, secret, Body is null ? Lines : [$"Content-Length: {length}", .. Lines]) + Body;
    }

    public override string ToString() => $"{Method} {Path}{(IsUpgrade ? " (WebSocket)" : "")}";

    private static IEnumerable<PublishedOperation> WaysToSend(string method, string path, string metering, string model)
    {
        var target = model == "query" ? $"{path}?model={ModelName}" : path;
        var plain = new PublishedOperation(method, target, metering, model, null, []);
        if (method == "GET")
        {
            // A GET that is not free is the beginning of a WebSocket.
            plain = metering == "free" ? plain : plain with { Lines = UpgradeLines };

            // A HEAD runs no model, wherever it goes.
            yield return plain with { Method = "HEAD", Metering = "free", Model = "none", Lines = [] };
        }
        else if (model == "form")
        {
            plain = plain with { Body = Form, Lines = [$"Content-Type: multipart/form-data; boundary={Boundary}"] };
        }
        else if (method == "POST")
        {
            plain = plain with { Body = Json("false"), Lines = ["Content-Type: application/json"] };
            yield return plain with { Body = Json("true") };
        }

        yield return plain;
        yield return plain with { Path = "/openai" + target };
    }

    private static string Fill(string path) => string.Join('/', path.Split('/').Select(static segment =>
        segment.StartsWith('{') ? "some_id" : segment));

    /// <summary>One body that is right for every operation that takes JSON.</summary>
    private static string Json(string stream) =>
        $$"""
        {"model":"{{ModelName}}","stream":{{stream}},"max_tokens":50,"prompt":"Hello","input":"Hello",
        "messages":[{"role":"user","content":"Hello"}],"session":{"model":"{{ModelName}}"} }
        """;

    private static string Form =>
        $"--{Boundary}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{ModelName}\r\n"
        + $"--{Boundary}\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\nHello\r\n"
        + $"--{Boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n"
        + $"Content-Type: audio/wav\r\n\r\nRIFF\r\n--{Boundary}--\r\n";
}
