using System.Globalization;
using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>The other account: what the provider says that it delivered through the proxy.</summary>
public sealed class BillTests(ProxyBeforeSimulator rig) : IClassFixture<ProxyBeforeSimulator>
{
    [Fact]
    public async Task The_bill_of_the_provider_is_what_the_clients_were_told()
    {
        var told = new List<BillLine>();
        for (var i = 1; i <= 20; i++)
        {
            var usage = string.Create(
                CultureInfo.InvariantCulture, $"prompt={i * 10},completion={i},cached={i * 3},reasoning={i / 2}");
            told.Add(await AskAsync("billed", $"x-simulator-usage: {usage}"));
        }

        var sum = new BillLine(
            told.Count, told.Sum(static one => one.Prompt), told.Sum(static one => one.Cached),
            told.Sum(static one => one.Reasoning), told.Sum(static one => one.Completion));
        await Eventually.AnswersAsync(
            rig.Simulator.BillAsync, bill => bill.Of("billed") == sum, $"the bill says {sum}");
    }

    private async Task<BillLine> AskAsync(string model, params string[] headers)
    {
        var answer = await rig.Proxy.PostAsync(
            "/v1/chat/completions", rig.Token.Secret,
            $$"""{"model":"{{model}}","messages":[{"role":"user","content":"Hello"}]}""",
            ["Content-Type: application/json", .. headers]);

        Assert.Equal(200, answer.Status);
        using var document = JsonDocument.Parse(answer.Body.Text);
        var usage = document.RootElement.GetProperty("usage");
        return new BillLine(
            1,
            usage.GetProperty("prompt_tokens").GetInt64(),
            usage.GetProperty("prompt_tokens_details").GetProperty("cached_tokens").GetInt64(),
            usage.GetProperty("completion_tokens_details").GetProperty("reasoning_tokens").GetInt64(),
            usage.GetProperty("completion_tokens").GetInt64());
    }
}
