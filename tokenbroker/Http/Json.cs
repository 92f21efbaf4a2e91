using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Tokenbroker.Market;

namespace Tokenbroker.Http;

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(NewNode))]
[JsonSerializable(typeof(NewNodeKey))]
[JsonSerializable(typeof(NodeChange))]
[JsonSerializable(typeof(NewPlan))]
[JsonSerializable(typeof(NewCustomer))]
[JsonSerializable(typeof(NewKey))]
[JsonSerializable(typeof(NewDeposit))]
[JsonSerializable(typeof(NewQuote))]
[JsonSerializable(typeof(NewMachine))]
[JsonSerializable(typeof(NewTokens))]
[JsonSerializable(typeof(NewRefund))]
[JsonSerializable(typeof(NewPings))]
[JsonSerializable(typeof(PingsView))]
[JsonSerializable(typeof(AccountView))]
[JsonSerializable(typeof(NodeView))]
[JsonSerializable(typeof(PlanView))]
[JsonSerializable(typeof(CustomerView))]
[JsonSerializable(typeof(KeyView))]
[JsonSerializable(typeof(Done))]
[JsonSerializable(typeof(BalanceView))]
[JsonSerializable(typeof(QuoteView))]
[JsonSerializable(typeof(MachineView))]
[JsonSerializable(typeof(Purchase))]
[JsonSerializable(typeof(Resupply))]
[JsonSerializable(typeof(RefundView))]
[JsonSerializable(typeof(Page<NodeView>))]
[JsonSerializable(typeof(Page<PlanView>))]
[JsonSerializable(typeof(Page<CustomerView>))]
[JsonSerializable(typeof(Page<EntryView>))]
[JsonSerializable(typeof(Page<MachineView>))]
[JsonSerializable(typeof(Page<AuditView>))]
[JsonSerializable(typeof(ProblemView))]
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class Json : JsonSerializerContext;
