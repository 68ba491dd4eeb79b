using System.CommandLine;

namespace LlmProxy.Cli;

/// <summary><c>llm-proxy openai chat</c>: the flags of it. The conversation is in <see cref="ChatSession"/>.</summary>
internal sealed class OpenAiCommand(Workplace place, StopSignal signal)
{
    // An answer may take its time to begin, and a reasoning model to go on.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly Argument<string?> _message = new("message")
    {
        Arity = ArgumentArity.ZeroOrOne,
        Description = "One message to send; without it, a conversation with whoever types, or a line each from a pipe.",
    };
    private readonly Option<string?> _server = new("--proxy", "--base-url")
    {
        HelpName = "url",
        Description = "Where the proxy is, with or without /v1 (PROXY_URL); http://localhost:8080 when not given.",
    };
    private readonly Option<string?> _token = new("--token")
    {
        HelpName = "token",
        Description = "The withering token (PROXY_TOKEN, also from ./.env).",
    };
    private readonly Option<string> _model = new("--model")
    {
        HelpName = "name",
        Description = "The model to talk to.",
        DefaultValueFactory = static _ => "gpt-4.1-mini",
    };
    private readonly Option<string?> _system = new("--system")
    {
        HelpName = "text",
        Description = "What the model is told first.",
    };
    private readonly Option<double?> _temperature = new("--temperature")
    {
        HelpName = "number",
        Description = "From 0 to 2; the provider's default when not given.",
        CustomParser = OptionForms.Temperature,
    };
    private readonly Option<long?> _maxTokens = new("--max-tokens")
    {
        HelpName = "count",
        Description = "Longest answer, in tokens of text; the provider's default when not given.",
        CustomParser = OptionForms.PositiveCount,
    };
    private readonly Option<bool> _stream = new("--stream")
    {
        HelpName = "true|false",
        Description = "Show the answer while it is written.",
        DefaultValueFactory = static _ => true,
    };
    private readonly Option<bool> _noStream = new("--no-stream")
    {
        Description = "Show the answer when it is complete.",
    };

    public Verb Create() =>
        new("openai", "Talk to a provider through the proxy, with a withering token.") { CreateChat() };

    private Verb CreateChat()
    {
        var chat = new Verb(
            "chat",
            "Chat with a model. 'exit', 'quit' or the end of the input end it; Ctrl-C stops an answer.",
            "PROXY_TOKEN=llmp_… llm-proxy openai chat",
            "llm-proxy openai chat --proxy https://llm.example.org --model gpt-4.1 --system 'Answer in French.'",
            "echo 'Why is the sky blue?' | llm-proxy openai chat --no-stream")
        {
            _message, _server, _token, _model, _system, _temperature, _maxTokens, _stream, _noStream,
        };
        chat.SetAction(RunAsync);
        return chat;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken stop)
    {
        var address = parsed.GetValue(_server) is { } flag
            ? ServerAddress.Parse(flag, "/v1", "--proxy")
            : ServerAddress.Parse(place.Setting("PROXY_URL") ?? "http://localhost:8080", "/v1", "PROXY_URL");
        var secret = parsed.GetValue(_token) ?? place.Setting("PROXY_TOKEN")
            ?? throw CommandFailure.Usage("The token is missing: give --token or set PROXY_TOKEN.");
        using var api = new ApiClient(address, Credential.Check(secret, "The token"), Patience);
        var client = new ChatClient(api, new ChatStyle(
            parsed.GetRequiredValue(_model),
            parsed.GetValue(_temperature),
            parsed.GetValue(_maxTokens),
            parsed.GetValue(_stream) && !parsed.GetValue(_noStream)));
        var session = new ChatSession(client, place.Terminal, signal, parsed.GetValue(_system));
        return await session.RunAsync(parsed.GetValue(_message), stop);
    }
}
