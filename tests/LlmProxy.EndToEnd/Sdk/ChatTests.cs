using System.Text;
using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;
using OpenAI.Chat;

namespace LlmProxy.EndToEnd.Sdk;

/// <summary>The official client, pointed at the proxy, chats as if the proxy were not there.</summary>
public sealed class ChatTests(ProxyBeforeSimulator rig) : IClassFixture<ProxyBeforeSimulator>
{
    private const string Model = "gpt-4o-mini";

    private ChatClient Chat => rig.OpenAI.GetChatClient(Model);

    [Fact]
    public async Task Completes_a_chat()
    {
        var completion = (await Chat.CompleteChatAsync("Say hello")).Value;

        Assert.NotEmpty(completion.Content[0].Text);
        Assert.Equal(ChatFinishReason.Stop, completion.FinishReason);
        Assert.True(completion.Usage.TotalTokenCount > 0);
    }

    [Fact]
    public async Task Streams_the_same_words_that_it_answers_at_once()
    {
        var atOnce = (await Chat.CompleteChatAsync("Tell a story")).Value.Content[0].Text;
        var streamed = new StringBuilder();
        var updates = 0;

        await foreach (var update in Chat.CompleteChatStreamingAsync("Tell a story"))
        {
            updates++;
            streamed.AppendJoin(string.Empty, update.ContentUpdate.Select(static part => part.Text));
        }

        Assert.Equal(atOnce, streamed.ToString());
        Assert.True(updates > 1);
    }

    [Fact]
    public async Task Keeps_a_conversation_of_every_role()
    {
        ChatMessage[] messages =
        [
            new SystemChatMessage("You are terse."),
            new UserChatMessage("First"),
            new AssistantChatMessage("Noted."),
            new UserChatMessage("Second, mit Umlauten: äöü 😀"),
        ];

        ChatCompletion completion = await Chat.CompleteChatAsync(
            messages, new ChatCompletionOptions { Temperature = 0 }, TestContext.Current.CancellationToken);

        Assert.NotEmpty(completion.Content[0].Text);
    }

    [Fact]
    public async Task Calls_a_tool()
    {
        ChatCompletion completion = await Chat.CompleteChatAsync(
            [new UserChatMessage("Is it raining?")], WeatherTool(), TestContext.Current.CancellationToken);

        Assert.Equal(ChatFinishReason.ToolCalls, completion.FinishReason);
        var call = Assert.Single(completion.ToolCalls);
        Assert.Equal("get_weather", call.FunctionName);
        Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(call.FunctionArguments).RootElement.ValueKind);
    }

    [Fact]
    public async Task Streams_a_tool_call()
    {
        var (name, arguments) = (string.Empty, new StringBuilder());

        await foreach (var update in Chat.CompleteChatStreamingAsync(
            [new UserChatMessage("Weather?")], WeatherTool(), TestContext.Current.CancellationToken))
        {
            foreach (var call in update.ToolCallUpdates)
            {
                name = call.FunctionName ?? name;
                arguments.Append(call.FunctionArgumentsUpdate);
            }
        }

        Assert.Equal("get_weather", name);
        Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(arguments.ToString()).RootElement.ValueKind);
    }

    [Fact]
    public async Task Fifty_clients_chat_at_once()
    {
        var completions = await Task.WhenAll(
            Enumerable.Range(0, 50).Select(_ => Chat.CompleteChatAsync("Say hello")));

        Assert.All(completions, static completion => Assert.NotEmpty(completion.Value.Content[0].Text));
    }

    private static ChatCompletionOptions WeatherTool() => new()
    {
        ToolChoice = ChatToolChoice.CreateRequiredChoice(),
        Tools =
        {
            ChatTool.CreateFunctionTool("get_weather", "Tells the weather", BinaryData.FromString(
                """{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}""")),
        },
    };
}
