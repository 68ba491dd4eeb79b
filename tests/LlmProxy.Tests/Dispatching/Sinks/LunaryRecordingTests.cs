using System.Text.Json;
using LlmProxy.Dispatching.Sinks;
using LlmProxy.Events;
using Xunit;

namespace LlmProxy.Tests.Dispatching.Sinks;

/// <summary>Holds what we send for an exchange against what the lunary SDK sent for the same one.</summary>
public sealed class LunaryRecordingTests
{
    private const string Folder = "tests/LlmProxy.Tests/Dispatching/Sinks/Recordings";

    // The SDK says these in its own way, or less: the time in milliseconds (the API's description wants RFC 3339, its
    // handler takes both), its own name, an id that it makes up, tags that a caller gives to it and not to the model.
    private static readonly string[] OfItsOwn = ["timestamp", "runtime", "runId", "tags", "metadata", "error"];

    public static TheoryData<string> Recordings => ["chat", "tool-call", "tool-result", "stream", "error"];

    [Theory]
    [MemberData(nameof(Recordings))]
    public async Task Every_member_that_the_sdk_sends_is_there_and_of_the_same_type(string name)
    {
        var (recorded, ours) = await CompareAsync(name);

        var missing = recorded.Zip(ours).SelectMany(static pair => pair.First.EnumerateObject()
            .Where(member => KindOf(pair.Second, member.Name) != member.Value.ValueKind)
            .Select(static member => member.Name));

        Assert.Equal("timestamp", string.Join(", ", missing.Distinct(StringComparer.Ordinal)));
    }

    [Theory]
    [InlineData("chat")]
    [InlineData("tool-call")]
    [InlineData("tool-result")]
    public async Task Every_member_that_comes_from_the_exchange_is_equal(string name)
    {
        var (recorded, ours) = await CompareAsync(name);

        var different = recorded.Zip(ours).SelectMany(static pair => pair.First.EnumerateObject()
            .Where(static member => !OfItsOwn.Contains(member.Name, StringComparer.Ordinal))
            .Where(member => !JsonElement.DeepEquals(member.Value, pair.Second.GetProperty(member.Name)))
            .Select(member => $"{member.Name}: {member.Value} / {pair.Second.GetProperty(member.Name)}"));

        Assert.Empty(different);
    }

    [Fact]
    public async Task A_clients_own_metadata_is_taken_over_as_the_sdk_does()
    {
        var (recorded, ours) = await CompareAsync("chat");

        Assert.All(
            recorded[0].GetProperty("metadata").EnumerateObject(),
            member => Assert.Equal(
                member.Value.GetString(), ours[0].GetProperty("metadata").GetProperty(member.Name).GetString()));
    }

    [Fact]
    public async Task The_message_of_an_error_is_the_one_that_the_sdk_sends()
    {
        var (recorded, ours) = await CompareAsync("error");

        Assert.Equal(
            recorded[1].GetProperty("error").GetProperty("message").GetString(),
            ours[1].GetProperty("error").GetProperty("message").GetString());
    }

    [Fact]
    public async Task The_request_itself_is_the_one_that_the_sdk_makes()
    {
        var sent = (await ReadAsync("chat")).GetProperty("sent");

        Assert.Equal("POST", sent.GetProperty("method").GetString());
        Assert.Equal(LunarySink.Path, sent.GetProperty("path").GetString());
        Assert.Equal("application/json", sent.GetProperty("contentType").GetString());
        Assert.StartsWith("Bearer ", sent.GetProperty("authorization").GetString(), StringComparison.Ordinal);
    }

    /// <summary>The events of the recording, and ours for the same exchange.</summary>
    private static async Task<(IReadOnlyList<JsonElement> Recorded, IReadOnlyList<JsonElement> Ours)> CompareAsync(
        string name)
    {
        var recording = await ReadAsync(name);
        var response = recording.GetProperty("response");
        var status = response.GetProperty("status").GetInt32();
        var exchange = Given.Chat(
            recording.GetProperty("request").GetRawText(), response.GetProperty("body").GetRawText()) with
        {
            Status = status,
            Usage = new EventUsage { Source = "reported", PromptTokens = 82, CompletionTokens = 17, TotalTokens = 99 },
        };
        await using var service = await FakeService.StartAsync();
        service.Answer = static post => LunaryShapes.Answer(post);
        await using var sink = Given.Sink("lunary", service);
        await sink.DeliverAsync(Given.Record(exchange));

        var ours = Assert.Single(service.Received).Json.GetProperty("events");
        var recorded = recording.GetProperty("sent").GetProperty("body").GetProperty("events");
        return ([.. recorded.EnumerateArray()], [.. ours.EnumerateArray()]);
    }

    private static JsonValueKind KindOf(JsonElement sent, string name) =>
        sent.TryGetProperty(name, out var member) ? member.ValueKind : JsonValueKind.Undefined;

    private static async Task<JsonElement> ReadAsync(string name) =>
        JsonDocument.Parse(await Repository.ReadAsync($"{Folder}/{name}.json")).RootElement;
}
