using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Events;

/// <summary>What of the messages goes into events: as the setting says, unless the project says otherwise.</summary>
public sealed class BodyPolicyTests
{
    private const string CaptureBodies = "OBSERVABILITY_CAPTURE_BODIES";

    [Fact]
    public async Task Without_a_policy_an_event_tells_of_the_messages_and_does_not_repeat_them()
    {
        await using var rig = await EventRig.StartAsync();

        await AssertMetadataAsync(rig, await rig.TokenAsync());
    }

    [Fact]
    public async Task The_policy_none_leaves_only_their_sizes()
    {
        await using var rig = await EventRig.StartAsync((CaptureBodies, "none"));

        await AssertNothingAsync(rig, await rig.TokenAsync());
    }

    [Fact]
    public async Task The_policy_metadata_is_the_default()
    {
        await using var rig = await EventRig.StartAsync((CaptureBodies, "metadata"));

        await AssertMetadataAsync(rig, await rig.TokenAsync());
    }

    [Fact]
    public async Task The_policy_all_keeps_both_bodies_as_they_were()
    {
        await using var rig = await EventRig.StartAsync((CaptureBodies, "all"));

        await AssertAllAsync(rig, await rig.TokenAsync());
    }

    [Fact]
    public async Task Nobody_who_was_not_admitted_gets_a_body_into_an_event()
    {
        await using var rig = await EventRig.StartAsync((CaptureBodies, "all"));

        var (answer, logged) = await rig.ExchangeAsync(
            "POST", "/v1/chat/completions", "llmp_nothing", """{"text":"of a stranger"}""");

        Assert.Equal(401, answer.Status);
        Assert.Null(logged.Body("request"));
        Assert.DoesNotContain("stranger", logged.Json.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("metadata")]
    [InlineData("all")]
    public async Task A_project_wants_more_or_less_than_the_setting_from_the_next_request_on(string setting)
    {
        await using var rig = await EventRig.StartAsync((CaptureBodies, setting));
        var token = await rig.TokenAsync();
        var other = await rig.TokenAsync();

        await WantAsync(rig, token, "\"all\"");
        await AssertAllAsync(rig, token);
        await WantAsync(rig, token, "\"none\"");
        await AssertNothingAsync(rig, token);
        await WantAsync(rig, token, "\"metadata\"");
        await AssertMetadataAsync(rig, token);
        await WantAsync(rig, token, "null");
        await AssertAsync(setting, rig, token);
        await AssertAsync(setting, rig, other);
    }

    [Fact]
    public async Task A_project_says_what_it_wants_when_it_is_made_and_is_asked_for_it()
    {
        await using var rig = await EventRig.StartAsync();
        var made = await rig.Proxy.Management.SendAsync(
            "POST", "/manage/projects", """{"name":"open","api_key":"sk-any","capture_bodies":"all"}""");
        var refused = await rig.Proxy.Management.SendAsync(
            "POST", "/manage/projects", """{"name":"wrong","api_key":"sk-any","capture_bodies":"some"}""");
        var token = await rig.Proxy.Management.CreateTokenAsync(made.Json.GetProperty("id").GetString()!);

        Assert.Equal((201, "all"), (made.Status, made.Json.GetProperty("capture_bodies").GetString()));
        Assert.Equal(400, refused.Status);
        Assert.Contains("capture_bodies", refused.Text, StringComparison.Ordinal);
        await AssertAllAsync(rig, token);
    }

    private static async Task WantAsync(EventRig rig, IssuedToken token, string word)
    {
        var answer = await rig.Proxy.Management.SendAsync(
            "PATCH", $"/manage/projects/{token.ProjectId}", $$"""{"capture_bodies":{{word}}}""");
        Assert.Equal(200, answer.Status);
        Assert.Equal(word, answer.Json.GetProperty("capture_bodies").GetRawText());
    }

    private static Task AssertAsync(string policy, EventRig rig, IssuedToken token) => policy switch
    {
        "none" => AssertNothingAsync(rig, token),
        "metadata" => AssertMetadataAsync(rig, token),
        _ => AssertAllAsync(rig, token),
    };

    private static async Task AssertNothingAsync(EventRig rig, IssuedToken token)
    {
        var (answer, logged) = await ModelCall.Of("chat").RunAsync(rig, token, "User-Agent: client/1");

        Assert.Equal(
            [$$"""{"bytes":{{logged.Bytes("request")}}}""", $$"""{"bytes":{{answer.Body.Content.Length}}}"""],
            [logged.Message("request").GetRawText(), logged.Message("response").GetRawText()]);
    }

    private static async Task AssertMetadataAsync(EventRig rig, IssuedToken token)
    {
        var (_, logged) = await ModelCall.Of("chat").RunAsync(rig, token, "User-Agent: client/1");

        Assert.Equal("client/1", logged.Header("request", "user-agent"));
        Assert.Equal("simulator", logged.Header("response", "openai-organization"));
        Assert.All(["request", "response"], direction =>
        {
            Assert.Null(logged.Body(direction));
            Assert.Equal("application/json", logged.Message(direction).GetProperty("content_type").GetString());
        });
        Assert.False(logged.Has("response_id") || logged.Has("finish_reasons"));
    }

    private static async Task AssertAllAsync(EventRig rig, IssuedToken token)
    {
        var call = ModelCall.Of("chat");

        var (answer, logged) = await call.RunAsync(rig, token, "User-Agent: client/1");

        Assert.Equal("client/1", logged.Header("request", "user-agent"));
        AssertIsJson(call.Body, logged.Body("request"));
        AssertIsJson(answer.Body.Text, logged.Body("response"));
        using var said = JsonDocument.Parse(answer.Body.Text);
        Assert.Equal(said.RootElement.GetProperty("id").GetString(), logged.Text("response_id"));
        Assert.Equal("stop", Assert.Single(logged.Json.GetProperty("finish_reasons").EnumerateArray()).GetString());
    }

    private static void AssertIsJson(string expected, JsonElement? body)
    {
        Assert.NotNull(body);
        using var document = JsonDocument.Parse(expected);
        Assert.True(JsonElement.DeepEquals(document.RootElement, body.Value.GetProperty("json")));
        Assert.False(body.Value.GetProperty("truncated").GetBoolean());
        Assert.False(body.Value.GetProperty("assembled").GetBoolean());
    }
}
