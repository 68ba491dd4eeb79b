using System.IO.Compression;
using System.Text;
using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;
using LlmProxy.EndToEnd.Secrecy;

namespace LlmProxy.EndToEnd.Events;

/// <summary>
/// Events hold everything that may be held, and secrets are put wherever a client or a provider can put them: not one
/// gets into an event.
/// </summary>
public sealed class EventSecrecyTests : IAsyncLifetime
{
    // Not of a form by which one could know it.
    private const string ProviderKey = "canary/provider+key=0123456789\"abcdef";
    private const string Cookie = "canary-cookie-0123456789abcdef";
    private const string StreamHead = "Content-Type: text/event-stream";

    private readonly EventRig _rig = new()
    {
        Settings =
        [
            ("OBSERVABILITY_CAPTURE_BODIES", "all"), ("OBSERVABILITY_CLIENT_IP", "full"),
            ("OBSERVABILITY_HEADERS", "x-team, location"), ("OBSERVABILITY_MAX_RESPONSE_BODY_BYTES", "2048"),
        ],
    };

    private IssuedToken _token = null!;

    public async ValueTask InitializeAsync()
    {
        await _rig.InitializeAsync();
        _token = await _rig.Proxy.Management.CreateTokenAsync(
            await _rig.Proxy.Management.CreateProjectAsync(ProviderKey));
    }

    public ValueTask DisposeAsync() => _rig.DisposeAsync();

    [Fact]
    public async Task What_a_client_sends_of_its_token_is_not_in_the_event()
    {
        var half = _token.Secret.Length / 2;
        var escaped = _token.Secret.Replace("_", "\\u005f", StringComparison.Ordinal);
        string[] bodies =
        [
            $$"""{"model":"{{_token.Secret}}","input":"{{_token.Secret}} {{_token.Secret}}"}""",
            $$"""{"model":"gpt-4o","{{_token.Secret}}":1,"nested":[{"a":"{{escaped}}"}]}""",
            $"plain {_token.Secret}", $"\u0001\u00ff{_token.Secret}", new string('a', 65_530) + _token.Secret,
            $"{{\"a\":\"{_token.Secret[..half]}", Convert.ToHexString([1, 2]) + _token.Secret,
        ];
        foreach (var body in bodies)
        {
            await ExchangeAsync("/v1/simulator/status/200", body);
        }

        await ExchangeAsync($"/v1/{_token.Secret}/x", "{}");
        await ExchangeAsync($"/v1/simulator/status/200?key={_token.Secret}", "{}");
        await ExchangeAsync(
            "/v1/simulator/status/200", "{}", $"User-Agent: a {_token.Secret} b", $"x-api-key: {_token.Secret}",
            $"Helicone-Property-Key: {_token.Secret}", $"Helicone-Property-{_token.Secret}: named",
            $"x-team: {new string('a', 230)}{_token.Secret}", $"openai-organization: {_token.Secret}");
        await ExchangeAsync("/v1/simulator/echo", "{}", $"Content-Type: text/plain; x={_token.Secret}");

        await AssertNoSecretAsync(11);
    }

    [Fact]
    public async Task What_a_provider_repeats_of_a_body_is_not_in_the_event()
    {
        var quoted = JsonSerializer.Serialize(ProviderKey);
        var solidus = quoted.Replace("/", "\\/", StringComparison.Ordinal);
        byte[][] bodies =
        [
            Utf8($$"""{"error":{"message":{{quoted}},"key":"{{_token.Secret}}"} }"""),
            Utf8($$"""{"a":[{"b":{{solidus}}}],{{quoted}}:0,"id":{{quoted}}}"""),
            Utf8($$"""{"choices":[{"finish_reason":{{quoted}}}]}"""),
            Utf8($$"""{"a":"\u0063{{quoted[2..]}}}"""),
            Utf8($"Authorization: Bearer {ProviderKey}"),
            [0xff, 0xfe, .. Utf8(ProviderKey), 0xff],
            Utf8(new string('a', 2048 - 20) + ProviderKey),
        ];
        foreach (var body in bodies)
        {
            await RepeatAsync(body, EventRig.JsonType);
            await RepeatAsync(body, "Content-Type: text/plain");
            await RepeatAsync(await PackAsync(body), EventRig.JsonType, "Content-Encoding: gzip");
        }

        await AssertNoSecretAsync(3 * bodies.Length);
    }

    [Fact]
    public async Task What_a_provider_repeats_in_a_stream_is_not_in_the_event()
    {
        var quoted = JsonSerializer.Serialize(ProviderKey)[1..^1];
        string[] pieces = [quoted, quoted[..5], quoted[5..], _token.Secret[..9], _token.Secret[9..]];
        var chunks = string.Concat(pieces.Select(static piece =>
            $"data: {{\"id\":\"ID\",\"object\":\"chat.completion.chunk\",\"model\":\"ID\",\"service_tier\":\"ID\","
            + $"\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{piece}\"}},\"finish_reason\":\"ID\"}}]}}\n\n"))
            .Replace("ID", quoted, StringComparison.Ordinal);

        await RepeatAsync(Utf8(chunks + "data: [DONE]\n\n"), StreamHead);
        await RepeatAsync(Utf8($"data: {quoted} {_token.Secret}\n\n"), StreamHead);
        await RepeatAsync(
            Utf8($"data: {{\"error\":{{\"message\":\"{quoted}\",\"code\":\"{quoted}\"}}}}\n\n"), StreamHead);

        await AssertNoSecretAsync(3);
    }

    [Fact]
    public async Task What_a_provider_repeats_in_header_fields_is_not_in_the_event()
    {
        string[] names =
        [
            "x-request-id", "request-id", "openai-organization", "openai-version", "openai-processing-ms", "x-team",
            "location", "retry-after", "set-cookie", "authorization", "x-api-key", "www-authenticate",
        ];

        await RepeatAsync(
            Utf8($$"""{"model":"{{_token.Secret}}","service_tier":{{JsonSerializer.Serialize(ProviderKey)}}}"""),
            [EventRig.JsonType, .. names.Select(static name => $"{name}: Bearer {ProviderKey}")]);
        await RepeatAsync(
            "{}"u8.ToArray(), [EventRig.JsonType, .. names.Select(name => $"{name}: {_token.Secret}")]);
        await RepeatAsync(
            "{}"u8.ToArray(),
            [EventRig.JsonType, .. names.Select(static name => $"{name}: {new string('a', 240)}{ProviderKey}")]);
        await RepeatAsync("{}"u8.ToArray(), $"Content-Type: application/json; x=\"{ProviderKey}\"");

        await AssertNoSecretAsync(4);
    }

    [Fact]
    public async Task Cookies_and_the_management_token_are_not_in_any_event()
    {
        const string Management = ProxyProcess.ManagementToken;
        await RepeatAsync("{}"u8.ToArray(), EventRig.JsonType, $"Set-Cookie: session={Cookie}; Path=/");
        await ExchangeAsync("/v1/simulator/status/200", "{}", $"Cookie: session={Cookie}");
        await _rig.SendAsync(EventRig.NewId(), "POST", "/v1/models", Management, $"{{\"a\":\"{Management}\"}}");
        await _rig.SendAsync(Management, "POST", "/v1/models", _token.Secret, "{}");

        await AssertNoSecretAsync(4);
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static async Task<byte[]> PackAsync(byte[] bytes)
    {
        using var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            await gzip.WriteAsync(bytes, TestContext.Current.CancellationToken);
        }

        return packed.ToArray();
    }

    private Task<RawAnswer?> ExchangeAsync(string target, string body, params string[] lines) =>
        _rig.SendAsync(EventRig.NewId(), "POST", target, _token.Secret, body, lines);

    private Task<RawAnswer?> RepeatAsync(byte[] body, params string[] lines)
    {
        var route = _rig.DoesAt("chat/completions", exchange => exchange.AnswerAsync(200, body, lines));
        return ExchangeAsync($"/raw{route.Path}", """{"model":"gpt-4o","messages":[]}""");
    }

    /// <summary>Neither in the bytes of the file, nor in what its JSON says once it is read.</summary>
    private async Task AssertNoSecretAsync(int events)
    {
        var logged = await _rig.Log.WithAsync(events);
        Assert.Equal(events, logged.Count);
        var file = await File.ReadAllBytesAsync(_rig.Log.Path, TestContext.Current.CancellationToken);
        var said = Encoding.UTF8.GetBytes(string.Join('\n', logged.SelectMany(static one => StringsIn(one.Json))));
        var leaks = from secret in new[] { _token.Secret, ProviderKey, ProxyProcess.ManagementToken, Cookie }
                    from form in SecretHunt.FormsIn(file, secret).Concat(SecretHunt.FormsIn(said, secret)).Concat(
                        Beginning(said, secret))
                    select $"{secret[..8]}… as {form}";
        var found = leaks.ToList();

        Assert.True(found.Count == 0, string.Join('\n', found));
    }

    /// <summary>Two thirds of a secret are as good as the whole.</summary>
    private static string[] Beginning(byte[] said, string secret) =>
        said.AsSpan().IndexOf(Utf8(secret[..(secret.Length / 3 * 2)])) >= 0 ? ["its beginning"] : [];

    private static IEnumerable<string> StringsIn(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Object => json.EnumerateObject().SelectMany(
            static member => StringsIn(member.Value).Prepend(member.Name)),
        JsonValueKind.Array => json.EnumerateArray().SelectMany(StringsIn),
        JsonValueKind.String => [json.GetString()!],
        _ => [],
    };
}
